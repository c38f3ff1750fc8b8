package jsonscan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

func TestCheckRefuses(t *testing.T) {
	bad := map[string]string{
		"duplicate names":         `{"model":"a","model":"b"}`,
		"duplicate after escapes": `{"model":"a","mod\u0065l":"b"}`,
		"nested duplicates":       `{"a":{"b":1,"b":2}}`,
		"two values":              `{} {}`,
		"trailing comma":          `{"a":1,}`,
		"cut":                     `{"a":`,
		"empty":                   ``,
		"bad utf-8":               "{\"a\":\"\xff\"}",
		"too deep":                strings.Repeat("[", 129) + strings.Repeat("]", 129),
		"control character":       "{\"a\":\"\x01\"}",
		"NaN":                     `{"a":NaN}`,
	}
	for name, body := range bad {
		if err := jsonscan.Check([]byte(body)); err == nil {
			t.Errorf("%s: Check(%q) passed, want an error", name, body)
		}
	}
	for _, body := range []string{`{}`, ` {"a":[1.50e+1,"\u00e9"]} `, strings.Repeat("[", 128) + strings.Repeat("]", 128)} {
		if err := jsonscan.Check([]byte(body)); err != nil {
			t.Errorf("Check(%q) = %v, want nil", body, err)
		}
	}
}

func TestEditsKeepEveryOtherByte(t *testing.T) {
	body := []byte("{ \"model\" : \"m\",\t\"n\":1.0e0 , \"usage\":null }")
	if got, want := string(jsonscan.InsertFirst(body, `"x"`, `{"y":true}`)), "{\"x\":{\"y\":true}, \"model\" : \"m\",\t\"n\":1.0e0 , \"usage\":null }"; got != want {
		t.Errorf("InsertFirst = %s, want %s", got, want)
	}
	if got, want := string(jsonscan.InsertFirst([]byte("{ }"), `"x"`, `1`)), `{"x":1 }`; got != want {
		t.Errorf("InsertFirst into empty = %s, want %s", got, want)
	}
	m, ok := jsonscan.Get(body, "usage")
	if !ok || !m.IsNull() {
		t.Fatalf("Get(usage) = %+v, %v", m, ok)
	}
	if got, want := string(jsonscan.Remove(body, m)), "{ \"model\" : \"m\",\t\"n\":1.0e0  }"; got != want {
		t.Errorf("Remove last = %q, want %q", got, want)
	}
	m, _ = jsonscan.Get(body, "model")
	if got, want := string(jsonscan.Remove(body, m)), "{ \"n\":1.0e0 , \"usage\":null }"; got != want {
		t.Errorf("Remove first = %q, want %q", got, want)
	}
	if got, want := string(jsonscan.Replace(body, m, []byte(`"other"`))), "{ \"model\" : \"other\",\t\"n\":1.0e0 , \"usage\":null }"; got != want {
		t.Errorf("Replace = %q, want %q", got, want)
	}
}

// FuzzObject: on whatever Check lets pass, the walk sees the members that
// encoding/json sees, and each edit leaves a document that is still valid.
func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[true,null,"x\n"]},"d":"\u0041"}`))
	f.Add([]byte(`{"":"","\\":"\\"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if jsonscan.Check(data) != nil {
			_ = jsonscan.Object(data, func(jsonscan.Member) bool { return true })
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil || want == nil {
			return
		}
		seen := 0
		err := jsonscan.Object(data, func(m jsonscan.Member) bool {
			seen++
			if string(want[m.Name]) != string(m.Value) {
				t.Errorf("member %q = %q, encoding/json reads %q", m.Name, m.Value, want[m.Name])
			}
			if out := jsonscan.Remove(data, m); !json.Valid(out) {
				t.Errorf("Remove(%q) left %q", m.Name, out)
			}
			return true
		})
		if err != nil || seen != len(want) {
			t.Errorf("walk saw %d members (%v), encoding/json %d", seen, err, len(want))
		}
	})
}
