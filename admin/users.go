package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

const usersPath = "/api/users"

// userCreateQuery are the parameters that the public contract lists for the
// creation of a user. The body says all of it, so they must agree with it.
type userCreateQuery struct {
	Tag    string   `json:"tag,omitempty" maxLength:"256" doc:"Must be one of the body's tags."`
	Tags   []string `json:"tags,omitempty" doc:"Must be among the body's tags."`
	KeyIDs []string `json:"keyIds,omitempty" doc:"Must be among the body's keyIds."`
}

type userQuery struct {
	UserIDs []string `json:"userIds,omitempty" doc:"Only users with one of these as their userId."`
	Tags    []string `json:"tags,omitempty" doc:"Only users that carry all of these tags."`
	KeyIDs  []string `json:"keyIds,omitempty" doc:"Only users that list one of these keys."`
	Limit   int64    `json:"limit,omitempty" minimum:"0" maximum:"1000" doc:"Most users in the answer; 0 or absent: 1000."`
	Offset  int64    `json:"offset,omitempty" minimum:"0" maximum:"1000000000" doc:"Users to skip."`
}

type userPick struct {
	UserID string   `json:"userId,omitempty" maxLength:"256" doc:"The user's userId. This or tags is required."`
	Tags   []string `json:"tags,omitempty" doc:"Tags that the user carries, all of them."`
}

func (a *api) userRoutes() []route {
	const group = "users"
	one := usersPath + "/{id}"
	answer := reflect.TypeFor[userAnswer]()
	create := route{path: usersPath, group: group, access: writing, tagged: true, query: reflect.TypeFor[userCreateQuery](),
		creates: []string{usersPath, "/api/reporting/users"},
		body:    reflect.TypeFor[userCreate](), answer: answer, handle: a.createUser}
	post, put := create, create
	post.method, post.id, post.summary = http.MethodPost, "createUser", "Create a user"
	put.method, put.id, put.summary = http.MethodPut, "putUser", "Create a user (same as POST)"
	return []route{
		post, put,
		{method: http.MethodGet, path: usersPath, id: "listUsers", summary: "List users, newest first, at most 1000", group: group,
			query: reflect.TypeFor[userQuery](), answer: reflect.TypeFor[[]userAnswer](), handle: a.listUsers},
		{method: http.MethodGet, path: one, id: "getUser", summary: "Get a user", group: group, tagged: true,
			answer: answer, statuses: []int{404}, handle: a.getUser},
		{method: http.MethodPatch, path: one, id: "updateUser", summary: "Change a user", group: group, access: writing, tagged: true, conditional: true,
			body: reflect.TypeFor[userPatch](), answer: answer, statuses: []int{404}, handle: a.updateUser},
		{method: http.MethodPatch, path: usersPath, id: "updateUserByName", summary: "Change the one user with this userId and these tags", group: group,
			access: writing, tagged: true, conditional: true, query: reflect.TypeFor[userPick](),
			body: reflect.TypeFor[userPatch](), answer: answer, statuses: []int{404, 409}, handle: a.updatePickedUser},
		{method: http.MethodDelete, path: one, id: "deleteUser", summary: "Delete a user; its events stay", group: group, access: writing, conditional: true,
			answer: reflect.TypeFor[deleted](), statuses: []int{404}, handle: a.deleteUser},
	}
}

func (a *api) createUser(ctx context.Context, c *call) (any, error) {
	query, err := decodeUserCreateQuery(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[userCreate](c)
	if err != nil {
		return nil, err
	}
	change, err := c.newUserChange(ctx, &in.UserFields, in.ExpiresAt, true)
	if err != nil {
		return nil, err
	}
	u := &gateway.User{Name: in.Name, CreatedAt: a.Now().UTC().Truncate(time.Second)}
	if err := badInput.faulty(append(nameFaults(in.Name), change.merge(u)...)); err != nil {
		return nil, err
	}
	if err := badQuery.faulty(query.faults(u)); err != nil {
		return nil, err
	}
	if err := c.mayLeaveUser(u); err != nil {
		return nil, err
	}
	if err := a.Store.CreateUser(ctx, u); err != nil {
		return nil, err
	}
	return c.userAnswer(u, c.apply(ctx, u.Revision)), nil
}

// decodeUserCreateQuery refuses provider, which the public contract lists too,
// with its reason: accepting it would look as if it narrowed the user.
func decodeUserCreateQuery(c *call) (userCreateQuery, error) {
	if c.request.URL.Query().Has("provider") {
		return userCreateQuery{}, badQuery.faulty([]fault{{Parameter: "provider", Detail: "is not supported: a user is bound with every provider"}})
	}
	return decodeQuery[userCreateQuery](c)
}

// faults says what the query asks for that the user is not.
func (q userCreateQuery) faults(u *gateway.User) (faults []fault) {
	missing := func(parameter, member string, asked, has []string) {
		for _, v := range asked {
			if v != "" && !slices.Contains(has, v) {
				faults = append(faults, fault{Parameter: parameter, Detail: "is not among the body's " + member + ", which say what the user has"})
				return
			}
		}
	}
	ids := make([]string, len(q.KeyIDs))
	for i, text := range q.KeyIDs {
		ids[i] = text
		if id, ok := canonicalID(text); ok {
			ids[i] = id
		}
	}
	missing("keyIds", "keyIds", ids, u.KeyIDs)
	missing("tag", "tags", []string{q.Tag}, u.Tags)
	missing("tags", "tags", q.Tags, u.Tags)
	return faults
}

// mayLeaveUser refuses a write after which the user would be out of the writer's
// own scope.
func (c *call) mayLeaveUser(u *gateway.User) error {
	if c.who.sees(u.Tags) {
		return nil
	}
	return forbidden.with("this admin key is limited to users that carry the tags " + strings.Join(c.who.scope, ", "))
}

func (a *api) listUsers(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[userQuery](c)
	if err != nil {
		return nil, err
	}
	answers := []userAnswer{}
	keys, none := canonicalIDs(in.KeyIDs)
	if none {
		return answers, nil
	}
	list, _, err := a.Store.Users(ctx, store.UserFilter{
		UserIDs: in.UserIDs, Tags: c.who.scoped(in.Tags), KeyIDs: keys, Limit: pageSize(in.Limit), Offset: int(in.Offset)})
	if err != nil {
		return nil, err
	}
	for _, u := range list {
		answers = append(answers, newUserAnswer(u, a.Now()))
	}
	return answers, nil
}

// user reads the user that the path names, if the caller may see it.
func (c *call) user(ctx context.Context) (*gateway.User, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	u, err := c.api.Store.User(ctx, id)
	if err != nil {
		return nil, err
	}
	return u, c.visibleUser(u)
}

// visibleUser hides a user outside the caller's scope: to it, there is none.
func (c *call) visibleUser(u *gateway.User) error {
	if !c.who.sees(u.Tags) {
		return notFound.with("nothing has this id")
	}
	return nil
}

func (a *api) getUser(ctx context.Context, c *call) (any, error) {
	u, err := c.user(ctx)
	if err != nil {
		return nil, err
	}
	return c.userAnswer(u, nil), nil
}

func (a *api) updateUser(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	return c.patchUser(ctx, id, func(*gateway.User) bool { return true })
}

// updatePickedUser changes the user that the query describes, if there is
// exactly one: a guess could lift the limits of somebody else.
func (a *api) updatePickedUser(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[userPick](c)
	if err != nil {
		return nil, err
	}
	tags := distinct(in.Tags)
	if in.UserID == "" && len(tags) == 0 {
		return nil, badQuery.faulty([]fault{{Parameter: "userId", Detail: "is required, or tags; or name the user in the path"}})
	}
	const shown = 10
	f := store.UserFilter{Tags: c.who.scoped(tags), Limit: shown, Count: true}
	if in.UserID != "" {
		f.UserIDs = []string{in.UserID}
	}
	list, total, err := a.Store.Users(ctx, f)
	if err != nil {
		return nil, err
	}
	switch {
	case len(list) == 0:
		return nil, notFound.with("no user has this userId and these tags")
	case len(list) > 1:
		ids := make([]string, len(list))
		for i, u := range list {
			ids[i] = u.ID
		}
		detail := fmt.Sprintf("%d users match, change one of them by its id: %s", total, strings.Join(ids, ", "))
		if total > shown {
			detail += ", …"
		}
		return nil, conflict.with(detail)
	}
	return c.patchUser(ctx, list[0].ID, func(u *gateway.User) bool {
		return (in.UserID == "" || u.UserID == in.UserID) && !slices.ContainsFunc(tags, func(t string) bool { return !slices.Contains(u.Tags, t) })
	})
}

// patchUser changes the user with this id if it is still the one that was meant.
func (c *call) patchUser(ctx context.Context, id string, meant func(*gateway.User) bool) (any, error) {
	in, err := decode[userPatch](c)
	if err != nil {
		return nil, err
	}
	change, err := c.newUserChange(ctx, &in.UserFields, in.ExpiresAt, false)
	if err != nil {
		return nil, err
	}
	u, err := c.api.Store.UpdateUser(ctx, id, func(u *gateway.User) error {
		if err := errors.Join(c.visibleUser(u), c.match(u.Revision)); err != nil {
			return err
		}
		if !meant(u) {
			return conflict.with("the user has changed meanwhile; try again")
		}
		faults := change.merge(u)
		if in.Name != "" {
			faults = append(faults, nameFaults(in.Name)...)
			u.Name = in.Name
		}
		if err := badInput.faulty(faults); err != nil {
			return err
		}
		return c.mayLeaveUser(u)
	})
	if err != nil {
		return nil, err
	}
	return c.userAnswer(u, c.apply(ctx, u.Revision)), nil
}

func (a *api) deleteUser(ctx context.Context, c *call) (any, error) {
	u, err := c.user(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.match(u.Revision); err != nil {
		return nil, err
	}
	revision, err := a.Store.DeleteUser(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	return deleted{ID: u.ID, Deleted: true, Unacknowledged: c.apply(ctx, revision)}, nil
}
