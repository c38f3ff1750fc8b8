package score_test

import (
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/score"
)

// one counts what one text gives for one type.
func one(t *testing.T, line string, typ pii.Type, found ...pii.Span) (score.Count, score.Source) {
	t.Helper()
	docs, err := score.Read(strings.NewReader(line + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := score.Run(docs, pii.All, func(string) []pii.Span { return found })
	if err != nil {
		t.Fatal(err)
	}
	return r.Types[typ], *r.Sources["s"]
}

func TestCounts(t *testing.T) {
	const phone = `{"id":"a","source":"s","text":"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789","spans":[{"start":11,"end":21,"type":"phone"}]}`
	const age = `{"id":"a","source":"s","text":"he is 42 years old","spans":[{"start":6,"end":8,"type":"age"}]}`
	const emoji = `{"id":"a","source":"s","text":"😀é 12345678","spans":[{"start":3,"end":11,"type":"pin"}]}`
	for _, tt := range []struct {
		name, line string
		typ        pii.Type
		found      []pii.Span
		want       score.Count
	}{
		{"the same span", phone, pii.Phone, []pii.Span{{Start: 11, End: 21, Type: pii.Phone}}, score.Count{Gold: 1, Found: 1, Spans: 1, Right: 1}},
		{"nothing", phone, pii.Phone, nil, score.Count{Gold: 1}},
		{"half of it is enough", phone, pii.Phone, []pii.Span{{Start: 16, End: 21, Type: pii.Phone}}, score.Count{Gold: 1, Found: 1, Spans: 1, Right: 1}},
		{"less than half is not found, and yet right", phone, pii.Phone, []pii.Span{{Start: 17, End: 21, Type: pii.Phone}}, score.Count{Gold: 1, Spans: 1, Right: 1}},
		{"two parts are one find", phone, pii.Phone, []pii.Span{{Start: 11, End: 14, Type: pii.Phone}, {Start: 18, End: 21, Type: pii.Phone}}, score.Count{Gold: 1, Found: 1, Spans: 2, Right: 2}},
		{"four times its length and ten is right", phone, pii.Phone, []pii.Span{{Start: 11, End: 61, Type: pii.Phone}}, score.Count{Gold: 1, Found: 1, Spans: 1, Right: 1}},
		{"one more is too long", phone, pii.Phone, []pii.Span{{Start: 10, End: 61, Type: pii.Phone}}, score.Count{Gold: 1, Found: 1, Spans: 1}},
		{"another type is wrong", phone, pii.SSN, []pii.Span{{Start: 11, End: 21, Type: pii.SSN}}, score.Count{Spans: 1}},
		{"of an age a touch is enough", age, pii.Age, []pii.Span{{Start: 7, End: 18, Type: pii.Age}}, score.Count{Gold: 1, Found: 1, Spans: 1, Right: 1}},
		{"offsets of bytes become code points", emoji, pii.PIN, []pii.Span{{Start: 7, End: 15, Type: pii.PIN}}, score.Count{Gold: 1, Found: 1, Spans: 1, Right: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := one(t, tt.line, tt.typ, tt.found...); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestScopeIgnoreAndAlarms(t *testing.T) {
	const line = `{"id":"a","source":"s","text":"0123456789","spans":[{"start":0,"end":2,"type":"pin"}],"scope":["pin","ssn"],"ignore":[{"start":4,"end":6,"type":"*"}]}`
	for _, tt := range []struct {
		name                   string
		found                  pii.Span
		spans, alarms, touched int
	}{
		{"a type out of scope does not count", pii.Span{Start: 8, End: 9, Type: pii.Phone}, 0, 0, 0},
		{"a place to ignore does not count", pii.Span{Start: 5, End: 6, Type: pii.SSN}, 0, 0, 0},
		{"elsewhere it is an alarm", pii.Span{Start: 8, End: 9, Type: pii.SSN}, 1, 1, 1},
		{"on a value of another type it is wrong, and no alarm", pii.Span{Start: 1, End: 3, Type: pii.SSN}, 1, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, s := one(t, line, pii.SSN, tt.found)
			if s.Spans != tt.spans || s.Alarms != tt.alarms || s.Touched != tt.touched {
				t.Errorf("got %+v, want %d spans, %d alarms, %d touched", s, tt.spans, tt.alarms, tt.touched)
			}
		})
	}
}

func TestF1(t *testing.T) {
	c := score.Count{Gold: 4, Found: 3, Spans: 6, Right: 3}
	if c.Precision() != 0.5 || c.Recall() != 0.75 || c.F1() != 0.6 {
		t.Errorf("precision %v, recall %v, F1 %v, want 0.5, 0.75, 0.6", c.Precision(), c.Recall(), c.F1())
	}
	if f1 := (score.Count{}).F1(); f1 != 0 {
		t.Errorf("F1 of nothing = %v, want 0", f1)
	}
}

func TestReadNamesTheLine(t *testing.T) {
	if _, err := score.Read(strings.NewReader("{}\n{")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error = %v, want one that names line 2", err)
	}
}
