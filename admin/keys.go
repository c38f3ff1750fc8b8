package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

const (
	keysPath      = "/api/key-management/keys"
	keySearchPath = "/api/v2/key-management/keys"
	maxPage       = 1000
	defaultGrace  = "1h"
	secretUnknown = "the secret was not kept and cannot be shown; it can be after the next rotation"
)

type keyQuery struct {
	Tag      string   `json:"tag,omitempty" maxLength:"256" doc:"Only keys that carry this tag."`
	Tags     []string `json:"tags,omitempty" doc:"Only keys that carry all of these tags."`
	Provider string   `json:"provider,omitempty" maxLength:"64" doc:"Only keys with a setting of this provider."`
	KeyIDs   []string `json:"keyIds,omitempty" doc:"Only these keys."`
}

type keySearch struct {
	KeyIDs      optional[[]string] `json:"keyIds,omitzero" maxItems:"1000" doc:"Only these keys."`
	Tags        optional[[]string] `json:"tags,omitzero" maxItems:"100" doc:"Only keys that carry all of these tags."`
	Name        optional[string]   `json:"name,omitzero" maxLength:"256" doc:"Only keys with this text in their name."`
	Revoked     *bool              `json:"revoked,omitempty" nullable:"true" doc:"Only keys that are, or are not, revoked or expired."`
	Limit       optional[int64]    `json:"limit,omitzero" minimum:"0" maximum:"1000" doc:"Most keys in the answer; 0 or absent: 1000."`
	Offset      optional[int64]    `json:"offset,omitzero" minimum:"0" maximum:"1000000000" doc:"Keys to skip."`
	Order       optional[string]   `json:"order,omitzero" enum:"asc,desc" doc:"By creation time; absent: desc."`
	ReturnCount optional[bool]     `json:"returnCount,omitzero" doc:"Also count the keys without limit and offset."`
}

type keyPage struct {
	Keys  []keyAnswer `json:"keys"`
	Count *int        `json:"count,omitempty" doc:"How many there are; only with returnCount."`
}

type keyRotate struct {
	Key         optional[string] `json:"key,omitzero" maxLength:"256" pattern:"^([!-~]{8,})?$" doc:"The new secret. Left out: the server makes one and shows it in this answer only."`
	GracePeriod optional[string] `json:"gracePeriod,omitzero" maxLength:"64" pattern:"^([0-9]+[smhd])*$" doc:"How long the old secret works: s, m, h, d; absent: 1h. 0s: it stops at once."`
}

func (a *api) keyRoutes() []route {
	const group = "keys"
	one := keysPath + "/{keyId}"
	answer := reflect.TypeFor[keyAnswer]()
	create := route{path: keysPath, group: group, access: writing, tagged: true, body: reflect.TypeFor[keyCreate](), answer: answer,
		statuses: []int{409}, creates: []string{keysPath, "/api/reporting/keys"}, handle: a.createKey}
	put, post := create, create
	put.method, put.id, put.summary = http.MethodPut, "createKey", "Create a key"
	post.method, post.id, post.summary = http.MethodPost, "postKey", "Create a key (same as PUT)"
	return []route{
		put, post,
		{method: http.MethodGet, path: keysPath, id: "listKeys", summary: "List keys, newest first, at most 1000", group: group,
			query: reflect.TypeFor[keyQuery](), answer: reflect.TypeFor[[]keyAnswer](), handle: a.listKeys},
		{method: http.MethodPost, path: keySearchPath, id: "searchKeys", summary: "Search keys page by page", group: group,
			body: reflect.TypeFor[keySearch](), answer: reflect.TypeFor[keyPage](), handle: a.searchKeys},
		{method: http.MethodGet, path: one, id: "getKey", summary: "Get a key", group: group, tagged: true,
			answer: answer, statuses: []int{404}, handle: a.getKey},
		{method: http.MethodPatch, path: one, id: "updateKey", summary: "Change a key", group: group, access: writing, tagged: true, conditional: true,
			body: reflect.TypeFor[keyPatch](), answer: answer, statuses: []int{404, 409}, handle: a.updateKey},
		{method: http.MethodDelete, path: one, id: "deleteKey", summary: "Delete a key; its events stay", group: group, access: writing, conditional: true,
			answer: reflect.TypeFor[deleted](), statuses: []int{404}, handle: a.deleteKey},
		{method: http.MethodPost, path: one + "/rotate", id: "rotateKey", summary: "Give a key a new secret", group: group, access: writing, tagged: true, conditional: true,
			body: reflect.TypeFor[keyRotate](), bodyOptional: true, answer: answer, statuses: []int{404, 409}, handle: a.rotateKey},
	}
}

func (a *api) createKey(ctx context.Context, c *call) (any, error) {
	in, err := decode[keyCreate](c)
	if err != nil {
		return nil, err
	}
	change, err := c.newKeyChange(ctx, &in.KeyFields, in.ExpiresAt)
	if err != nil {
		return nil, err
	}
	change.creating = true
	k := &gateway.Key{Name: in.Name, CreatedAt: a.Now().UTC().Truncate(time.Second)}
	faults := append(nameFaults(in.Name), change.merge(k)...)
	secret, err := a.issue(in.Key.Value)
	if err != nil {
		faults = append(faults, fault{Pointer: "/key", Detail: err.Error()})
	}
	if err := badInput.faulty(faults); err != nil {
		return nil, err
	}
	if err := c.mayLeave(k); err != nil {
		return nil, err
	}
	if err := a.Store.CreateKey(ctx, k, secret.NewSecret); err != nil {
		return nil, err
	}
	answer := c.keyAnswer(k)
	answer.Key, answer.Warnings = secret.shown, secret.warnings
	answer.Unacknowledged = c.apply(ctx, k.Revision)
	return answer, nil
}

func nameFaults(name string) []fault {
	if strings.TrimSpace(name) == "" {
		return []fault{{Pointer: "/name", Detail: "must not be blank"}}
	}
	return nil
}

// mayLeave refuses a write after which the key would be out of the writer's
// own scope, or in someone else's.
func (c *call) mayLeave(k *gateway.Key) error {
	if c.who.sees(k.Tags) {
		return nil
	}
	return forbidden.with("this admin key is limited to keys that carry the tags " + strings.Join(c.who.scope, ", "))
}

func (a *api) listKeys(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[keyQuery](c)
	if err != nil {
		return nil, err
	}
	ids, none := canonicalIDs(in.KeyIDs)
	if none {
		return []keyAnswer{}, nil
	}
	list, _, err := a.Store.Keys(ctx, store.KeyFilter{
		IDs: ids, Tags: c.who.scoped(append(in.Tags, in.Tag)), Provider: in.Provider, Limit: maxPage})
	if err != nil {
		return nil, err
	}
	return c.keyAnswers(list), nil
}

func (a *api) searchKeys(ctx context.Context, c *call) (any, error) {
	in, err := decode[keySearch](c)
	if err != nil {
		return nil, err
	}
	page := keyPage{Keys: []keyAnswer{}}
	ids, none := canonicalIDs(in.KeyIDs.Value)
	total := 0
	if !none {
		f := store.KeyFilter{IDs: ids, Tags: c.who.scoped(in.Tags.Value), Name: in.Name.Value,
			Limit: pageSize(in.Limit.Value), Offset: int(in.Offset.Value), Ascending: in.Order.Value == "asc", Count: in.ReturnCount.Value, Revoked: in.Revoked}
		var list []*gateway.Key
		if list, total, err = a.Store.Keys(ctx, f); err != nil {
			return nil, err
		}
		page.Keys = c.keyAnswers(list)
	}
	if in.ReturnCount.Value {
		page.Count = &total
	}
	return page, nil
}

func pageSize(limit int64) int {
	if limit == 0 {
		return maxPage
	}
	return int(limit)
}

// key reads the key that the path names, if the caller may see it.
func (c *call) key(ctx context.Context) (*gateway.Key, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	k, err := c.api.Store.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	return k, c.visible(k)
}

// visible hides a key outside the caller's scope: to it, there is none.
func (c *call) visible(k *gateway.Key) error {
	if !c.who.sees(k.Tags) {
		return notFound.with("nothing has this id")
	}
	return nil
}

func (a *api) getKey(ctx context.Context, c *call) (any, error) {
	k, err := c.key(ctx)
	if err != nil {
		return nil, err
	}
	answer := c.keyAnswer(k)
	if !k.IsKeyNotHashed || c.who.role != RoleAdmin {
		return answer, nil
	}
	secret, err := a.Store.KeySecret(ctx, k.ID)
	switch {
	case err == nil:
		answer.Key = secret.Reveal()
	case gateway.KindOf(err) == gateway.NotFound:
		answer.Warnings = []string{secretUnknown}
	default:
		return nil, fmt.Errorf("read secret of key %s: %w", k.ID, err)
	}
	return answer, nil
}

func (a *api) updateKey(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	in, err := decode[keyPatch](c)
	if err != nil {
		return nil, err
	}
	change, err := c.newKeyChange(ctx, &in.KeyFields, in.ExpiresAt)
	if err != nil {
		return nil, err
	}
	sameSecret := true
	if in.Key.Value != "" {
		if sameSecret, err = a.isSecretOf(ctx, in.Key.Value, id); err != nil {
			return nil, err
		}
	}
	var warnings []string
	k, err := a.Store.UpdateKey(ctx, id, func(k *gateway.Key) error {
		if err := errors.Join(c.visible(k), c.match(k.Revision)); err != nil {
			return err
		}
		warnings = nil
		if in.IsKeyNotHashed.Value && !k.IsKeyNotHashed {
			warnings = []string{secretUnknown}
		}
		faults := change.merge(k)
		if in.Name != "" {
			faults = append(faults, nameFaults(in.Name)...)
			k.Name = in.Name
		}
		if !sameSecret {
			faults = append(faults, fault{Pointer: "/key", Detail: "cannot be changed here; use " + keysPath + "/" + id + "/rotate"})
		}
		if err := badInput.faulty(faults); err != nil {
			return err
		}
		return c.mayLeave(k)
	})
	if err != nil {
		return nil, err
	}
	answer := c.keyAnswer(k)
	answer.Warnings = warnings
	answer.Unacknowledged = c.apply(ctx, k.Revision)
	return answer, nil
}

func (a *api) deleteKey(ctx context.Context, c *call) (any, error) {
	k, err := c.key(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.match(k.Revision); err != nil {
		return nil, err
	}
	revision, err := a.Store.DeleteKey(ctx, k.ID)
	if err != nil {
		return nil, err
	}
	return deleted{ID: k.ID, Deleted: true, Unacknowledged: c.apply(ctx, revision)}, nil
}

func (a *api) rotateKey(ctx context.Context, c *call) (any, error) {
	if len(c.body) == 0 {
		c.body = []byte("{}")
	}
	in, err := decode[keyRotate](c)
	if err != nil {
		return nil, err
	}
	if in.GracePeriod.Value == "" {
		in.GracePeriod.Value = defaultGrace
	}
	var faults []fault
	grace, err := parseTTL(in.GracePeriod.Value)
	if err != nil {
		faults = append(faults, fault{Pointer: "/gracePeriod", Detail: err.Error()})
	}
	secret, err := a.issue(in.Key.Value)
	if err != nil {
		faults = append(faults, fault{Pointer: "/key", Detail: err.Error()})
	}
	if err := badInput.faulty(faults); err != nil {
		return nil, err
	}
	k, err := c.key(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.match(k.Revision); err != nil {
		return nil, err
	}
	until := a.Now().UTC().Truncate(time.Second).Add(grace)
	if k, err = a.Store.RotateKey(ctx, k.ID, secret.NewSecret, until); err != nil {
		return nil, err
	}
	answer := c.keyAnswer(k)
	answer.Key, answer.Warnings, answer.OldKeyValidUntil = secret.shown, secret.warnings, until.Unix()
	answer.Unacknowledged = c.apply(ctx, k.Revision)
	return answer, nil
}
