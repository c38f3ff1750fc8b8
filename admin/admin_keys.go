package admin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"reflect"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

const (
	adminKeysPath = "/api/admin-keys"
	// adminKeyPrefix tells admin keys that were made here from everything else
	// that clients may send by mistake.
	adminKeyPrefix = "bka-"
)

type adminKeyCreate struct {
	Name string             `json:"name" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$" doc:"A name for people; the audit log shows it."`
	Role string             `json:"role" enum:"admin,viewer" doc:"viewer: reads only."`
	Tags optional[[]string] `json:"tags,omitzero" maxItems:"100" minLength:"1" maxLength:"256" doc:"When there are any, the holder sees and changes only what carries all of them."`
	AdminKeyReadOnly
}

// AdminKeyReadOnly are the members of an answer that a request may send back.
type AdminKeyReadOnly struct {
	ID        any `json:"id,omitempty" readOnly:"true"`
	CreatedAt any `json:"createdAt,omitempty" readOnly:"true"`
}

type adminKeyAnswer struct {
	ID        string   `json:"id" format:"uuid"`
	Name      string   `json:"name"`
	Role      string   `json:"role" enum:"admin,viewer"`
	Tags      []string `json:"tags"`
	CreatedAt int64    `json:"createdAt" doc:"Unix seconds."`
	Key       string   `json:"key,omitempty" doc:"The secret: in the answer to its creation only."`
}

func (a *api) adminKeyRoutes() []route {
	const group = "admin keys"
	one := adminKeysPath + "/{id}"
	answer := reflect.TypeFor[adminKeyAnswer]()
	return []route{
		{method: http.MethodPost, path: adminKeysPath, id: "createAdminKey", summary: "Create an admin key", group: group,
			access: writingWhole, creates: []string{adminKeysPath}, body: reflect.TypeFor[adminKeyCreate](), answer: answer, statuses: []int{409}, handle: a.createAdminKey},
		{method: http.MethodGet, path: adminKeysPath, id: "listAdminKeys", summary: "List the admin keys that were made here, newest first", group: group,
			access: readingAdmin, answer: reflect.TypeFor[[]adminKeyAnswer](), handle: a.listAdminKeys},
		{method: http.MethodGet, path: one, id: "getAdminKey", summary: "Get an admin key", group: group,
			access: readingAdmin, answer: answer, statuses: []int{404}, handle: a.getAdminKey},
		{method: http.MethodDelete, path: one, id: "deleteAdminKey", summary: "Revoke an admin key at once", group: group,
			access: writingWhole, answer: reflect.TypeFor[deleted](), statuses: []int{404}, handle: a.deleteAdminKey},
	}
}

// createAdminKey refuses an open API: a key for it would look as if it kept
// anyone out.
func (a *api) createAdminKey(ctx context.Context, c *call) (any, error) {
	in, err := decode[adminKeyCreate](c)
	if err != nil {
		return nil, err
	}
	if err := badInput.faulty(nameFaults(in.Name)); err != nil {
		return nil, err
	}
	if a.open() {
		return nil, conflict.with("this API is open to its own machine, so that a key would protect nothing; start the gateway with ADMIN_PASS first")
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	secret := adminKeyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	k := &gateway.AdminKey{Name: in.Name, Role: gateway.AdminRole(in.Role), Tags: distinct(in.Tags.Value)}
	if err := a.Store.CreateAdminKey(ctx, k, a.adminKeyDigest(secret)); err != nil {
		return nil, err
	}
	answer := newAdminKeyAnswer(k)
	answer.Key = secret
	return answer, nil
}

func (a *api) adminKeyDigest(presented string) secrets.Digest {
	return a.Keyring.AdminKeyDigest(secrets.HashKey(presented))
}

func (a *api) listAdminKeys(ctx context.Context, _ *call) (any, error) {
	list, err := a.Store.AdminKeys(ctx)
	if err != nil {
		return nil, err
	}
	answers := []adminKeyAnswer{}
	for _, k := range list {
		answers = append(answers, newAdminKeyAnswer(k))
	}
	return answers, nil
}

func (a *api) getAdminKey(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	k, err := a.Store.AdminKey(ctx, id)
	if err != nil {
		return nil, err
	}
	return newAdminKeyAnswer(k), nil
}

// deleteAdminKey needs nobody's acknowledgement: every request looks its key up.
func (a *api) deleteAdminKey(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	if _, err := a.Store.DeleteAdminKey(ctx, id); err != nil {
		return nil, err
	}
	return deleted{ID: id, Deleted: true}, nil
}

func newAdminKeyAnswer(k *gateway.AdminKey) adminKeyAnswer {
	return adminKeyAnswer{ID: k.ID, Name: k.Name, Role: string(k.Role), Tags: distinct(k.Tags), CreatedAt: k.CreatedAt.Unix()}
}
