package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

func chain(t *testing.T, pepper byte) *audit.Chain {
	t.Helper()
	k, err := secrets.New(bytes.Repeat([]byte{pepper}, secrets.Size), bytes.Repeat([]byte{'e'}, secrets.Size))
	if err != nil {
		t.Fatal(err)
	}
	return audit.NewChain(k)
}

// log is n entries and the heads before and after each.
func log(t *testing.T, c *audit.Chain, n int) (entries []audit.Entry, heads []audit.Head) {
	t.Helper()
	heads = []audit.Head{c.Begin()}
	for i := range n {
		e := audit.Entry{
			At: time.UnixMicro(int64(1_000_000 + i)).UTC(), AuthorID: "key:1", AuthorName: "ann", Role: "admin", Address: "10.0.0.1",
			Operation: "updateKey", Kind: "key", ObjectID: fmt.Sprint("k", i), Revision: int64(i + 1), Before: `{"a":1}`, After: `{"a":2}`,
		}
		head, err := c.Next(heads[i], &e)
		if err != nil {
			t.Fatal(err)
		}
		entries, heads = append(entries, e), append(heads, head)
	}
	return entries, heads
}

// verify returns the number of the entry that is at fault; 0: none is.
func verify(t *testing.T, c *audit.Chain, begin audit.Head, entries []audit.Entry, end audit.Head, anchor audit.Anchor) int64 {
	t.Helper()
	v := c.Verify(begin.Hash, anchor)
	check := func() error {
		for _, e := range entries {
			if err := v.Add(&e); err != nil {
				return err
			}
		}
		return v.End(end)
	}
	err := check()
	if err == nil {
		return 0
	}
	f, ok := errors.AsType[*audit.Fault](err)
	if !ok {
		t.Fatalf("%v is no fault", err)
	}
	return f.Number
}

func TestTheChainShowsWhatWasDoneToTheLog(t *testing.T) {
	c := chain(t, 'p')
	entries, heads := log(t, c, 5)
	other, otherHeads := log(t, c, 5)
	noted := audit.Anchor{Number: 4, Hash: entries[3].Hash}
	for _, tc := range []struct {
		name    string
		entries []audit.Entry
		head    audit.Head
		anchor  audit.Anchor
		want    int64
	}{
		{"nothing", entries, heads[5], audit.Anchor{}, 0},
		{"nothing, and a noted entry is there", entries, heads[5], noted, 0},
		{"the first is gone", entries[1:], heads[5], audit.Anchor{}, 1},
		{"one in the middle is gone", slices.Delete(slices.Clone(entries), 2, 3), heads[5], audit.Anchor{}, 3},
		{"the last is gone", entries[:4], heads[5], audit.Anchor{}, 5},
		{"all are gone", nil, heads[5], audit.Anchor{}, 1},
		{"the last is gone and the head tells of the one before", entries[:4], audit.Head{Number: 4, Hash: entries[3].Hash}, audit.Anchor{}, 5},
		{"the last is gone and the head is an old one", entries[:3], heads[3], noted, 4},
		{"two have changed places", []audit.Entry{entries[0], entries[2], entries[1], entries[3], entries[4]}, heads[5], audit.Anchor{}, 2},
		{"one is there twice", slices.Insert(slices.Clone(entries), 2, entries[1]), heads[5], audit.Anchor{}, 3},
		{"one comes from another log", slices.Replace(slices.Clone(entries), 2, 3, other[2]), heads[5], audit.Anchor{}, 3},
		{"all come from another log", other, otherHeads[5], audit.Anchor{}, 1},
		{"one is behind the end", entries, heads[4], audit.Anchor{}, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := verify(t, c, heads[0], tc.entries, tc.head, tc.anchor); got != tc.want {
				t.Errorf("the fault is at %d, want %d", got, tc.want)
			}
		})
	}
	if got := verify(t, c, otherHeads[0], other, otherHeads[5], noted); got != 4 {
		t.Errorf("a log that was begun anew: the fault is at %d, want the noted 4", got)
	}
	if got := verify(t, chain(t, 'q'), heads[0], entries, heads[5], audit.Anchor{}); got != 1 {
		t.Errorf("another pepper: the fault is at %d, want 1", got)
	}
}

// Two exchanged places with their numbers exchanged as well.
func TestTheChainShowsThatTwoEntriesWereSwapped(t *testing.T) {
	c := chain(t, 'p')
	entries, heads := log(t, c, 4)
	entries[1], entries[2] = entries[2], entries[1]
	entries[1].Number, entries[2].Number = 2, 3
	if got := verify(t, c, heads[0], entries, heads[4], audit.Anchor{}); got != 2 {
		t.Errorf("the fault is at %d, want 2", got)
	}
}

func TestTheHashCoversEveryField(t *testing.T) {
	c := chain(t, 'p')
	entries, heads := log(t, c, 3)
	for i := range reflect.TypeFor[audit.Entry]().NumField() {
		name := reflect.TypeFor[audit.Entry]().Field(i).Name
		changed := slices.Clone(entries)
		switch f := reflect.ValueOf(&changed[1]).Elem().Field(i); f.Interface().(type) {
		case string:
			f.SetString(f.String() + "x")
		case int64:
			f.SetInt(f.Int() + 1)
		case time.Time:
			f.Set(reflect.ValueOf(changed[1].At.Add(time.Microsecond)))
		case secrets.Digest:
			f.Index(31).SetUint(f.Index(31).Uint() ^ 1)
		default:
			t.Fatalf("%s has a type that this test does not change", name)
		}
		if got := verify(t, c, heads[0], changed, heads[3], audit.Anchor{}); got != 2 {
			t.Errorf("%s was changed: the fault is at %d, want 2", name, got)
		}
	}
	moved := slices.Clone(entries)
	moved[1].AuthorName, moved[1].Role = "an", "nadmin"
	if got := verify(t, c, heads[0], moved, heads[3], audit.Anchor{}); got != 2 {
		t.Errorf("a letter moved to the next field: the fault is at %d, want 2", got)
	}
}

func TestAChainDoesNotGoOnFromAHeadThatWasChanged(t *testing.T) {
	c := chain(t, 'p')
	entries, heads := log(t, c, 2)
	forged := audit.Head{Number: 1, Hash: entries[0].Hash, Seal: heads[2].Seal}
	if _, err := c.Next(forged, &audit.Entry{}); err == nil {
		t.Error("the chain went on from a forged head")
	}
}

func TestAnAnchorIsReadAsItWasWritten(t *testing.T) {
	a := audit.Anchor{Number: 12, Hash: secrets.HashKey("x")}
	got, err := audit.ParseAnchor(a.String())
	if err != nil || got != a {
		t.Errorf("%v %v", got, err)
	}
	for _, text := range []string{"", "12", "12:", "0:" + a.String()[3:], "-1:" + a.String()[3:], "12:abcd", a.String() + "00", ":" + a.String()} {
		if _, err := audit.ParseAnchor(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
