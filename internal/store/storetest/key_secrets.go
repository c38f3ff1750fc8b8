package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

func wantValidUntil(t *testing.T, s *store.Store, secret string, want time.Time) {
	t.Helper()
	_, until, err := s.KeyByDigest(t.Context(), digestOf(secret))
	if err != nil || !until.Equal(want) {
		t.Errorf("secret %q is valid until %v (%v), want %v", secret, until, err, want)
	}
}

func rotateWithGrace(t *testing.T, s *store.Store) {
	k := addKey(t, s, gateway.Key{Name: "first"})
	far := time.Now().Add(2 * time.Hour).UTC().Truncate(time.Microsecond)
	near := far.Add(-time.Hour)
	rotated, err := s.RotateKey(t.Context(), k.ID, secretOf("second"), far)
	must(t, err)
	if rotated.Revision != k.Revision+1 {
		t.Errorf("revision %d after %d", rotated.Revision, k.Revision)
	}
	wantValidUntil(t, s, "first", far)
	wantValidUntil(t, s, "second", time.Time{})
	_, err = s.RotateKey(t.Context(), k.ID, secretOf("third"), near)
	must(t, err)
	wantValidUntil(t, s, "first", near)
	wantValidUntil(t, s, "second", near)
	_, err = s.RotateKey(t.Context(), k.ID, secretOf("fourth"), far)
	must(t, err)
	wantValidUntil(t, s, "first", near) // never longer than it had
	wantValidUntil(t, s, "third", far)
	_, err = s.RotateKey(t.Context(), k.ID, secretOf("second"), far)
	wantKind(t, err, gateway.Conflict)
	wantValidUntil(t, s, "fourth", time.Time{})
	_, err = s.RotateKey(t.Context(), "nobody", secretOf("x"), far)
	wantKind(t, err, gateway.NotFound)
}

func rotateAtOnce(t *testing.T, s *store.Store) {
	k := addKey(t, s, gateway.Key{Name: "first"})
	_, err := s.RotateKey(t.Context(), k.ID, secretOf("second"), time.Now().Add(time.Hour))
	must(t, err)
	_, err = s.RotateKey(t.Context(), k.ID, secretOf("third"), time.Time{})
	must(t, err)
	for _, old := range []string{"first", "second"} {
		_, _, err = s.KeyByDigest(t.Context(), digestOf(old))
		wantKind(t, err, gateway.NotFound)
	}
	wantValidUntil(t, s, "third", time.Time{})
}

func showSecret(t *testing.T, s *store.Store) {
	hidden := addKey(t, s, gateway.Key{Name: "hidden"})
	_, err := s.KeySecret(t.Context(), hidden.ID)
	wantKind(t, err, gateway.NotFound)
	_, err = s.KeySecret(t.Context(), "nobody")
	wantKind(t, err, gateway.NotFound)

	shown := addKey(t, s, gateway.Key{Name: "shown", IsKeyNotHashed: true})
	wantSecret := func(want string) {
		t.Helper()
		got, err := s.KeySecret(t.Context(), shown.ID)
		if err != nil || got.Reveal() != want {
			t.Errorf("secret is %q (%v), want %q", got.Reveal(), err, want)
		}
	}
	wantSecret("shown")
	_, err = s.RotateKey(t.Context(), shown.ID, secretOf("rotated"), time.Now().Add(time.Hour))
	must(t, err)
	wantSecret("rotated")
	for _, show := range []bool{false, true} {
		_, err = s.UpdateKey(t.Context(), shown.ID, func(k *gateway.Key) error { k.IsKeyNotHashed = show; return nil })
		must(t, err)
		_, err = s.KeySecret(t.Context(), shown.ID)
		wantKind(t, err, gateway.NotFound)
	}
}

func changeDigests(t *testing.T, s *store.Store) {
	p := addSetting(t, s, "openai")
	k := addKey(t, s, gateway.Key{Name: "first"})
	grace := time.Now().Add(time.Hour)
	_, err := s.RotateKey(t.Context(), k.ID, secretOf("second"), grace)
	must(t, err)
	_, err = s.UpdateKey(t.Context(), k.ID, func(k *gateway.Key) error { k.Revoked = true; return nil })
	must(t, err)
	_, err = s.RotateKey(t.Context(), k.ID, secretOf("third"), time.Time{})
	must(t, err)
	_, err = s.DeleteKey(t.Context(), k.ID)
	must(t, err)
	_, err = s.DeleteSetting(t.Context(), p.ID)
	must(t, err)

	got, err := s.ChangesSince(t.Context(), 0)
	must(t, err)
	first, second, third := digestOf("first"), digestOf("second"), digestOf("third")
	want := []store.Change{
		{Revision: 1, Kind: store.KindSetting, ID: p.ID},
		{Revision: 2, Kind: store.KindKey, ID: k.ID, Digests: []secrets.Digest{first}},
		{Revision: 3, Kind: store.KindKey, ID: k.ID, Digests: []secrets.Digest{first, second}},
		{Revision: 4, Kind: store.KindKey, ID: k.ID, Digests: []secrets.Digest{second, first}}, // the current one is first
		{Revision: 5, Kind: store.KindKey, ID: k.ID, Digests: []secrets.Digest{second, first, third}},
		{Revision: 6, Kind: store.KindKey, ID: k.ID, Digests: []secrets.Digest{third}},
		{Revision: 7, Kind: store.KindSetting, ID: p.ID},
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("changes differ (-want +got):\n%s", diff)
	}
	rest, err := s.ChangesSince(t.Context(), 5)
	must(t, err)
	if diff := cmp.Diff(want[5:], rest, same); diff != "" {
		t.Errorf("changes since 5 differ (-want +got):\n%s", diff)
	}
}
