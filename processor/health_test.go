package processor

import (
	"testing"
	"time"
)

func TestAStepIsSkippedAfterFiveFailuresInARow(t *testing.T) {
	now := time.Unix(1_000, 0)
	h := newHealth()
	h.now = func() time.Time { return now }
	id := stepID{"route", 1, 0, "setting"}
	fail := func(n int, apart time.Duration) {
		for range n {
			h.failed(id)
			now = now.Add(apart)
		}
	}
	fail(4, 0)
	h.succeeded(id)
	if fail(4, 0); h.down() != 0 || !h.usable(id) {
		t.Error("skipped after four failures in a row")
	}
	h.succeeded(id)
	if fail(5, 8*time.Second); h.down() != 0 {
		t.Error("skipped after five failures in 32 s")
	}
	h.succeeded(id)
	if fail(5, 7*time.Second); h.down() != 1 {
		t.Error("not skipped after five failures in 28 s")
	}
	now = now.Add(time.Minute)
	probes := 0
	for range 30 {
		if h.usable(id) {
			probes++
			h.failed(id)
		}
		now = now.Add(100 * time.Millisecond)
	}
	if probes != 3 {
		t.Errorf("%d probes in 3 s, want 3", probes)
	}
	other := id
	other.revision++
	if !h.usable(other) {
		t.Error("a changed route's step is skipped")
	}
	if h.succeeded(id); h.down() != 0 || !h.usable(id) {
		t.Error("skipped after a success")
	}
}

func TestAStepRestsAsLongAsItsProviderAsks(t *testing.T) {
	now := time.Unix(1_000, 0)
	h := newHealth()
	h.now = func() time.Time { return now }
	id := stepID{"route", 1, 0, "setting"}
	if h.resting(id) {
		t.Error("rests without a reason")
	}
	h.leaveAlone(id, time.Minute)
	now = now.Add(59 * time.Second)
	if !h.resting(id) || !h.usable(id) {
		t.Error("does not rest, or is skipped")
	}
	if now = now.Add(time.Second); h.resting(id) {
		t.Error("rests too long")
	}
}
