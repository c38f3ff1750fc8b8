package combine_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/combine"
)

// detector does what its function says.
type detector func(ctx context.Context, texts []string) ([][]pii.Span, error)

func (d detector) Detect(ctx context.Context, texts []string, _ pii.Set) ([][]pii.Span, error) {
	return d(ctx, texts)
}

func finds(lists ...[]pii.Span) detector {
	return func(context.Context, []string) ([][]pii.Span, error) { return lists, nil }
}

func fails(err error) detector {
	return func(context.Context, []string) ([][]pii.Span, error) { return nil, err }
}

func hangs(ctx context.Context, _ []string) ([][]pii.Span, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func span(start, end int, t pii.Type, score float32) pii.Span {
	return pii.Span{Start: start, End: end, Type: t, Score: score}
}

var errDown = errors.New("down")

func TestWhatAllFindIsJoined(t *testing.T) {
	texts := []string{"jane doe 555-0100", "no", "李小龙"}
	for name, tc := range map[string]struct {
		names     []string
		detectors map[string]pii.Detector
		types     pii.Set
		want      [][]pii.Span
	}{
		"no detector": {nil, nil, pii.All, [][]pii.Span{nil, nil, nil}},
		"one": {
			[]string{"a"}, map[string]pii.Detector{"a": finds([]pii.Span{span(0, 4, pii.Name, 1)}, nil, nil)}, pii.All,
			[][]pii.Span{{span(0, 4, pii.Name, 1)}, nil, nil},
		},
		"one that no policy names is not asked": {
			[]string{"a"}, map[string]pii.Detector{"a": finds(nil, nil, nil), "b": fails(errDown)}, pii.All, [][]pii.Span{nil, nil, nil},
		},
		"three, by text": {
			[]string{"a", "b", "c"}, map[string]pii.Detector{
				"a": finds([]pii.Span{span(0, 4, pii.Name, 0.5)}, nil, nil),
				"b": finds([]pii.Span{span(0, 8, pii.Name, 0.4), span(9, 17, pii.Phone, 0.7)}, nil, []pii.Span{span(0, 9, pii.Name, 1)}),
				"c": finds([]pii.Span{span(9, 17, pii.Phone, 0.9), span(9, 17, pii.PIN, 0.2)}, nil, nil),
			}, pii.All,
			[][]pii.Span{{span(0, 8, pii.Name, 0.5), span(9, 17, pii.Phone, 0.9), span(9, 17, pii.PIN, 0.2)}, nil, {span(0, 9, pii.Name, 1)}},
		},
		"types that were not asked for are left out": {
			[]string{"a"}, map[string]pii.Detector{"a": finds([]pii.Span{span(0, 4, pii.Name, 1), span(9, 17, pii.Phone, 1)}, nil, nil)}, pii.Of(pii.Phone),
			[][]pii.Span{{span(9, 17, pii.Phone, 1)}, nil, nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, failures, err := combine.Of(tc.names, tc.detectors, false).Detect(t.Context(), texts, tc.types)
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" || err != nil || failures != nil {
				t.Errorf("failures %v, error %v; spans (-want +got):\n%s", failures, err, diff)
			}
		})
	}
}

func TestOneThatIsNamedTwiceIsAskedOnce(t *testing.T) {
	var asked atomic.Int32
	d := detector(func(context.Context, []string) ([][]pii.Span, error) {
		asked.Add(1)
		return make([][]pii.Span, 1), nil
	})
	_, _, err := combine.Of([]string{"a", "b", "a"}, map[string]pii.Detector{"a": d, "b": finds(nil)}, false).Detect(t.Context(), []string{"x"}, pii.All)
	if n := asked.Load(); n != 1 || err != nil {
		t.Errorf("asked %d times, %v", n, err)
	}
}

func TestAFailureFollowsThePolicy(t *testing.T) {
	good := finds([]pii.Span{span(0, 3, pii.Name, 1)}) // of "李…"
	for name, tc := range map[string]struct {
		bad  pii.Detector
		want string
	}{
		"an error":              {fails(errDown), "down"},
		"a time-out":            {fails(context.DeadlineExceeded), "deadline"},
		"one that is not there": {nil, "not configured"},
		"a panic":               {detector(func(context.Context, []string) ([][]pii.Span, error) { panic("李 is the text") }), "it panicked"},
		"a panic of the runtime": {detector(func(_ context.Context, texts []string) ([][]pii.Span, error) {
			return nil, errors.New(texts[len(texts)])
		}), "index out of range"},
		"too few results":          {finds(), "0 results for 1"},
		"too many results":         {finds(nil, nil), "2 results for 1"},
		"a value behind the end":   {finds([]pii.Span{span(0, 7, pii.Name, 1)}), "outside"},
		"a value before the start": {finds([]pii.Span{span(-1, 3, pii.Name, 1)}), "outside"},
		"nothing that was found":   {finds([]pii.Span{span(3, 3, pii.Name, 1)}), "outside"},
		"the wrong way round":      {finds([]pii.Span{span(3, 0, pii.Name, 1)}), "outside"},
		"it starts in a character": {finds([]pii.Span{span(1, 3, pii.Name, 1)}), "half of a character"},
		"it ends in a character":   {finds([]pii.Span{span(0, 4, pii.Name, 1)}), "half of a character"},
	} {
		detectors := map[string]pii.Detector{"good": good}
		if tc.bad != nil {
			detectors["bad"] = tc.bad
		}
		for _, names := range [][]string{{"good", "bad"}, {"bad", "good"}} {
			t.Run(name+", blocking", func(t *testing.T) {
				found, failures, err := combine.Of(names, detectors, false).Detect(t.Context(), []string{"李小"}, pii.All)
				if found != nil || err == nil || !strings.HasPrefix(err.Error(), "detector bad: ") || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("Detect = %v, %v; want an error of bad with %q", found, err, tc.want)
				}
				if strings.Contains(err.Error(), "李") {
					t.Errorf("the error shows the text: %v", err)
				}
				if len(failures) != 1 || failures[0].Detector != "bad" {
					t.Errorf("failures are %v", failures)
				}
			})
			t.Run(name+", allowing", func(t *testing.T) {
				found, failures, err := combine.Of(names, detectors, true).Detect(t.Context(), []string{"李小"}, pii.All)
				want := [][]pii.Span{{span(0, 3, pii.Name, 1)}}
				if diff := cmp.Diff(want, found); diff != "" || err != nil {
					t.Errorf("Detect: %v; spans (-want +got):\n%s", err, diff)
				}
				if len(failures) != 1 || failures[0].Detector != "bad" || !strings.Contains(failures[0].Err.Error(), tc.want) {
					t.Errorf("failures are %v, want one of bad with %q", failures, tc.want)
				}
			})
		}
	}
}

func TestAllFailures(t *testing.T) {
	g := combine.Of([]string{"a", "b"}, map[string]pii.Detector{"a": fails(errDown), "b": fails(errDown)}, true)
	found, failures, err := g.Detect(t.Context(), []string{"x"}, pii.All)
	if len(found) != 1 || found[0] != nil || len(failures) != 2 || failures[0].Detector != "a" || failures[1].Detector != "b" || err != nil {
		t.Errorf("Detect = %v, %v, %v", found, failures, err)
	}
}

func TestTheyAreAskedAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := detector(func(context.Context, []string) ([][]pii.Span, error) {
			time.Sleep(time.Second)
			return make([][]pii.Span, 1), nil
		})
		start := time.Now()
		g := combine.Of([]string{"a", "b", "c"}, map[string]pii.Detector{"a": slow, "b": slow, "c": slow}, false)
		if _, _, err := g.Detect(t.Context(), []string{"x"}, pii.All); err != nil || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestAFailureThatBlocksEndsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := combine.Of([]string{"hangs", "fails"}, map[string]pii.Detector{"hangs": detector(hangs), "fails": fails(errDown)}, false)
		found, failures, err := g.Detect(t.Context(), []string{"x"}, pii.All)
		if found != nil || len(failures) != 1 || failures[0].Detector != "fails" || !errors.Is(err, errDown) {
			t.Errorf("Detect = %v, %v, %v", found, failures, err)
		}
	})
}

func TestAClientThatLeavesIsNoFailure(t *testing.T) {
	for _, allow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			found, failures, err := combine.Of([]string{"a"}, map[string]pii.Detector{"a": detector(hangs)}, allow).Detect(ctx, []string{"x"}, pii.All)
			if found != nil || failures != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("Detect = %v, %v, %v", found, failures, err)
			}
		})
	}
}

func TestADeadlineOfTheCallerIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		detectors := map[string]pii.Detector{"slow": detector(hangs), "quick": finds([]pii.Span{span(0, 1, pii.Name, 1)})}
		found, failures, err := combine.Of([]string{"quick", "slow"}, detectors, true).Detect(ctx, []string{"x"}, pii.All)
		if len(found) != 1 || len(found[0]) != 1 || len(failures) != 1 || failures[0].Detector != "slow" || err != nil {
			t.Errorf("Detect = %v, %v, %v", found, failures, err)
		}
	})
}
