package configserver

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// TestPricesAreSentInFull: with the first answer, when they change, and not
// otherwise; a change waits for its acknowledgement.
func TestPricesAreSentInFull(t *testing.T) {
	f := setup(t)
	old := &gateway.PriceOverride{ID: "1", Model: "m", EffectiveFrom: time.Unix(7, 0), Prices: "{}"}
	f.store.change(func(int64) { f.store.prices = []*gateway.PriceOverride{old} })
	f.subscribe("a")
	u := f.next()
	want := &configv1.Prices{UnknownPricePolicy: "allow", Overrides: []*configv1.PriceOverride{
		{Id: "1", Model: "m", EffectiveFrom: 7, Prices: "{}"},
	}}
	if diff := cmp.Diff(want, u.Prices, protocmp.Transform()); diff != "" {
		t.Errorf("prices of the first answer (-want +got):\n%s", diff)
	}
	f.ack(u)
	f.subscribe("b")
	if u = f.next(); u.Prices != nil {
		t.Errorf("prices that did not change were sent again: %v", u.Prices)
	}
	f.ack(u)

	r := f.store.change(func(int64) {
		f.store.prices = append(f.store.prices, &gateway.PriceOverride{ID: "2", SettingID: "s", Model: "n", EffectiveFrom: time.Unix(8, 0), Prices: "[]"})
	})
	b := f.server.Changed([]store.Change{{Revision: r, Kind: store.KindPrices, ID: "2"}})
	u = f.next()
	want.Overrides = append(want.Overrides, &configv1.PriceOverride{Id: "2", SettingId: "s", Model: "n", EffectiveFrom: 8, Prices: "[]"})
	if diff := cmp.Diff(want, u.Prices, protocmp.Transform()); diff != "" || len(u.Keys)+len(u.AbsentKeys) > 0 {
		t.Errorf("prices after a change (-want +got):\n%s", diff)
	}
	if late := f.wait(b, 50*time.Millisecond); len(late) != 1 {
		t.Errorf("late = %v before the acknowledgement", late)
	}
	f.ack(u)
	if late := f.wait(b, 3*time.Second); late != nil {
		t.Errorf("late = %v after the acknowledgement", late)
	}
}
