package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

func adminKeys(t *testing.T, s *store.Store) {
	digest := secrets.HashKey("one")
	one := &gateway.AdminKey{Name: "one", Role: gateway.RoleViewer, Tags: []string{"a", "b"}}
	before := time.Now().Truncate(time.Second)
	must(t, s.CreateAdminKey(t.Context(), one, digest))
	if one.ID == "" || one.Revision != 1 || one.CreatedAt.Before(before) || one.CreatedAt.After(time.Now()) {
		t.Errorf("made %+v", one)
	}
	two := &gateway.AdminKey{Name: "two", Role: gateway.RoleAdmin}
	must(t, s.CreateAdminKey(t.Context(), two, secrets.HashKey("two")))
	got, err := s.AdminKeyByDigest(t.Context(), digest)
	must(t, err)
	if diff := cmp.Diff(one, got); diff != "" {
		t.Errorf("by digest: %s", diff)
	}
	all, err := s.AdminKeys(t.Context())
	must(t, err)
	if diff := cmp.Diff([]*gateway.AdminKey{two, one}, all); diff != "" {
		t.Errorf("all, newest first: %s", diff)
	}
	wantKind(t, s.CreateAdminKey(t.Context(), &gateway.AdminKey{Name: "three", Role: gateway.RoleAdmin}, digest), gateway.Conflict)
	wantKind(t, s.CreateAdminKey(t.Context(), &gateway.AdminKey{Name: "three", Role: "owner"}, secrets.HashKey("three")), gateway.Invalid)
	_, err = s.DeleteAdminKey(t.Context(), one.ID)
	must(t, err)
	_, err = s.AdminKeyByDigest(t.Context(), digest)
	wantKind(t, err, gateway.NotFound)
	_, err = s.DeleteAdminKey(t.Context(), one.ID)
	wantKind(t, err, gateway.NotFound)
	_, err = s.AdminKey(t.Context(), one.ID)
	wantKind(t, err, gateway.NotFound)
	got, err = s.AdminKey(t.Context(), two.ID)
	must(t, err)
	if diff := cmp.Diff(two, got); diff != "" {
		t.Errorf("by id: %s", diff)
	}
}
