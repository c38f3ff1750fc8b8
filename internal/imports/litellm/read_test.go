package litellm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/imports"
)

const (
	config = `
model_list:
  - {model_name: fast, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-1}}
  - {model_name: fast, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-2}}
  - {model_name: any, litellm_params: {model: "anthropic/*", api_key: os.environ/KEY}}
`
	hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

var now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func getenv(name string) string { return map[string]string{"KEY": "sk-ant"}[name] }

// key reads one key with more fields.
func key(t *testing.T, fields string) *imports.Object {
	t.Helper()
	objects, _, err := Read([]byte(config), fmt.Appendf(nil, `[{"token":%q,"key_alias":"k"%s}]`, hash, fields), getenv, now)
	if err != nil || len(objects) != 4 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	return objects[3]
}

func TestWhatAKeyMayDo(t *testing.T) {
	for _, c := range []struct {
		name, fields string
		want         string // in the body
		lost         string // the field that is
	}{
		{"two deployments of a model", `,"models":["fast"]`, `"allowedModels":["gpt-4o-mini"],"name":"k","rotationEnabled":true`, ""},
		{"no models", `,"models":[]`, `{"name":"k","rotationEnabled":true,"settingIds":[`, ""},
		{"a name that stands for many", `,"models":["any"]`, "", "models"},
		{"a model that is not in the file", `,"models":["other"]`, "", "models"},
		{"a hidden meaning", `,"models":["no-default-models"]`, "", "models"},
		{"a total budget", `,"max_budget":2.5`, `"costLimitInUsd":2.500000000`, ""},
		{"a budget with digits of floating point", `,"max_budget":0.30000000000000004`, `"costLimitInUsd":0.300000000`, ""},
		{"a budget below a nano-dollar", `,"max_budget":1e-10`, "", "max_budget"},
		{"spend that is no money", `,"spend":1e999999999`, "", "spend"},
		{"a daily budget", `,"max_budget":2.5,"budget_duration":"24h"`, `"costLimitInUsdOverTime":2.500000000,"costLimitInUsdUnit":"d"`, ""},
		{"a budget of two days", `,"max_budget":2.5,"budget_duration":"2d"`, "", "budget_duration"},
		{"no money at all", `,"max_budget":0`, "", "max_budget"},
		{"no requests at all", `,"rpm_limit":0`, "", "rpm_limit"},
		{"tokens a minute, none", `,"tpm_limit":0`, "", "tpm_limit"},
		{"requests a minute", `,"rpm_limit":7`, `"rateLimitOverTime":7,"rateLimitUnit":"m"`, ""},
		{"a blocked key", `,"blocked":true`, `"revoked":true`, ""},
		{"an end", `,"expires":"2026-03-10T13:00:00Z"`, `"ttl":"3600s"`, ""},
		{"an end as the database spells it", `,"expires":"2026-03-10 13:00:00.5"`, `"ttl":"3600s"`, ""},
		{"an end that is none", `,"expires":"soon"`, "", "expires"},
		{"a field of another type", `,"rpm_limit":"many"`, "", "rpm_limit"},
		{"an unknown restriction", `,"only_on_sundays":true`, "", "only_on_sundays"},
		{"an unknown field that says nothing", `,"only_on_sundays":false,"more":{},"others":[]`, `"name":"k"`, ""},
		{"an unknown limit that lets nothing pass", `,"user_max_budget":0`, "", "user_max_budget"},
		{"a key that is rotated", `,"auto_rotate":true,"rotation_interval":"30d","rotation_count":0`, `"name":"k"`, ""},
		{"paths of its own", `,"allowed_routes":["/chat/completions"]`, "", "allowed_routes"},
		{"limits by model", `,"metadata":{"model_rpm_limit":{"fast":1}}`, "", "metadata.model_rpm_limit"},
	} {
		o := key(t, c.fields)
		text, err := json.Marshal(o.Body)
		if err != nil {
			t.Fatal(err)
		}
		lost := ""
		if len(o.Lost) > 0 {
			lost = o.Lost[0].Field
		}
		if lost != c.lost || !strings.Contains(string(text), c.want) {
			t.Errorf("%s: %s, lost %v; want %s, lost %q", c.name, text, o.Lost, c.want, c.lost)
		}
	}
}

// TestEveryKeyOfEveryPage: pages one after the other, and what is missing is said.
func TestEveryKeyOfEveryPage(t *testing.T) {
	one := func(i int) string { return fmt.Sprintf(`{"token":"%064x","models":["fast"]}`, i) }
	pages := `{"keys":[` + one(1) + "," + one(2) + `],"total_count":5}` + "\n" + `{"keys":[` + one(3) + `],"total_count":5}` + `[` + one(4) + `]`
	for text, missing := range map[string]bool{pages: true, pages + fmt.Sprintf(`{"key":"%064x","info":{"models":["fast"]}}`, 5): false} {
		objects, notes, err := Read([]byte(config), []byte(text), getenv, now)
		want := 3 + 5
		if missing {
			want--
		}
		if err != nil || len(objects) != want || strings.Contains(fmt.Sprint(notes), "4 of 5 keys") != missing {
			t.Errorf("%d objects, want %d; notes %v, %v", len(objects), want, notes, err)
		}
		if last := objects[len(objects)-1]; last.Hash == nil || len(last.Lost) > 0 {
			t.Errorf("the last key is %v", last)
		}
	}
	if _, _, err := Read([]byte(config), []byte(pages+"{"), getenv, now); err == nil {
		t.Error("a file that is cut passes")
	}
}

// TestNoModelsAreNotAllModels: not even for who can do without the others.
func TestNoModelsAreNotAllModels(t *testing.T) {
	for fields, want := range map[string]bool{`"other"`: true, `"any"`: true, `"other","fast"`: false, `"all-proxy-models"`: false, `7`: true} {
		final := false
		for _, l := range key(t, `,"models":[`+fields+`]`).Lost {
			final = final || l.Final
		}
		if final != want {
			t.Errorf("a key for %s is refused for good: %v, want %v", fields, final, want)
		}
	}
}

func TestSpendIsNeverLess(t *testing.T) {
	for text, want := range map[string]gateway.NanoUSD{
		"0": 0, "1.5": 1_500_000_000, "1e-9": 1, "1.1e-9": 2, "0.00000000000001": 1, "1e30": 1<<63 - 1, "0.1": 100_000_000,
	} {
		if got := key(t, `,"spend":`+text).Spent.Total; got != want {
			t.Errorf("%s: %d nano-dollars, want %d", text, got, want)
		}
	}
}

// FuzzAKeyIsNotWidened: whatever a list says, a key that names models has some
// that it may use, or is refused.
func FuzzAKeyIsNotWidened(f *testing.F) {
	f.Add(config, `[{"token":"`+hash+`","models":["fast"]}]`)
	f.Add(config, `{"keys":[{"token":"`+hash+`","models":["any","fast"]}]}`)
	f.Add(config, `{"key":"`+hash+`","info":{"models":["*"],"expires":"x","metadata":{"a":1}}}`)
	f.Add("model_list: [{model_name: a, litellm_params: {model: '*'}}]", `[[]]`)
	f.Fuzz(func(t *testing.T, config, keys string) {
		objects, _, err := Read([]byte(config), []byte(keys), getenv, now)
		if err != nil {
			return
		}
		var records []struct{ Models []string }
		_ = json.Unmarshal([]byte(keys), &records)
		for _, o := range objects {
			if o.Kind != imports.Key || len(o.Lost) > 0 {
				continue
			}
			if o.Hash == nil {
				t.Errorf("a key without a hash is kept: %v", o)
			}
			models, named := o.Body.(body)["allowedModels"].([]string)
			if named && len(models) == 0 {
				t.Errorf("a key for some models has all of them: %v", o)
			}
			if len(records) == 1 && len(records[0].Models) > 0 && !named && !strings.Contains(keys, "all-proxy-models") {
				t.Errorf("the key's models are lost: %v", o)
			}
		}
	})
}
