package admin

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

func TestSettingLifeCycle(t *testing.T) {
	f := newFixture(t)
	for _, method := range []string{"PUT", "POST"} {
		made := f.want(f.do(method, settingsPath, `{"provider":"openai","name":"main","setting":{"apiKey":"sk-0123456789abcdef","url":"https://eu.example.com/v1"},"allowedModels":["gpt-4o"]}`), 200)
		if got := made.str("apiKeyMask"); got != "****cdef" {
			t.Errorf("apiKeyMask %q, want ****cdef", got)
		}
		if strings.Contains(made.text, "sk-0123456789abcdef") {
			t.Errorf("%s: answer shows the credential", method)
		}
		if got := made.at("setting", "url"); got != "https://eu.example.com/v1" {
			t.Errorf("setting.url %v", got)
		}
	}
	list := f.want(f.do("GET", settingsPath, ""), 200).list()
	if len(list) != 2 {
		t.Fatalf("listed %d settings, want 2", len(list))
	}
	id := list[0].(map[string]any)["id"].(string)
	second := list[1].(map[string]any)["id"].(string)
	if got := f.want(f.do("GET", settingsPath+"?ids="+id+","+second+"&ids=nonsense", ""), 200).list(); len(got) != 2 {
		t.Errorf("ids of both: %d settings", len(got))
	}
	if got := f.want(f.do("GET", settingsPath+"?ids=nonsense", ""), 200).list(); len(got) != 0 {
		t.Errorf("ids of none: %d settings, want 0", len(got))
	}

	// A changed field leaves the others of `setting` alone.
	f.want(f.do("PATCH", settingsPath+"/"+id, `{"setting":{"url":null},"name":""}`), 200)
	stored, err := f.store.Setting(t.Context(), id)
	if err != nil || stored.APIKey.Reveal() != "sk-0123456789abcdef" || stored.Params[provider.ParamURL] != "" || stored.Name != "" || len(stored.AllowedModels) != 1 {
		t.Errorf("after PATCH of url: %+v, %v", stored, err)
	}
	f.want(f.do("PATCH", settingsPath+"/"+id, `{"setting":{"apikey":"sk-other-0123456789"},"allowedModels":null}`), 200)
	stored, _ = f.store.Setting(t.Context(), id)
	if stored.APIKey.Reveal() != "sk-other-0123456789" || len(stored.AllowedModels) != 0 {
		t.Errorf("after PATCH of apikey: %+v", stored)
	}

	key := f.key(id, "").str("keyId")
	used := f.want(f.do("DELETE", settingsPath+"/"+id, ""), 409)
	if used.str("type") != "/errors/conflict" {
		t.Errorf("delete of a used setting: %s", used.text)
	}
	f.want(f.do("DELETE", keysPath+"/"+key, ""), 200)
	f.want(f.do("DELETE", settingsPath+"/"+id, ""), 200)
	f.want(f.do("GET", settingsPath+"/"+id, ""), 404)
	f.want(f.do("DELETE", settingsPath+"/"+id, ""), 404)
}

func TestSettingRoundTrip(t *testing.T) {
	f := newFixture(t)
	id := f.want(f.do("POST", settingsPath, `{"provider":"anthropic","name":"n","setting":{"apikey":"sk-0123456789abcdef","url":"https://a.example"},"allowedModels":["m"]}`), 200).str("id")
	before := f.do("GET", settingsPath+"/"+id, "")
	f.want(f.do("PATCH", settingsPath+"/"+id, before.text), 200)
	if after := f.do("GET", settingsPath+"/"+id, ""); after.text != before.text {
		t.Errorf("GET after PATCH of GET:\n%s\nbefore:\n%s", after.text, before.text)
	}
}

func TestSettingIfMatch(t *testing.T) {
	f := newFixture(t)
	id := f.setting()
	tag := f.do("GET", settingsPath+"/"+id, "").header.Get("ETag")
	f.want(f.do("PATCH", settingsPath+"/"+id, `{"name":"a"}`, header("If-Match", tag)), 200)
	got := f.want(f.do("PATCH", settingsPath+"/"+id, `{"name":"b"}`, header("If-Match", tag)), 412)
	if got.str("type") != "/errors/precondition-failed" {
		t.Errorf("type %s", got.str("type"))
	}
	f.want(f.do("DELETE", settingsPath+"/"+id, "", header("If-Match", tag)), 412)
	f.want(f.do("DELETE", settingsPath+"/"+id, "", header("If-Match", "*")), 200)
}

func TestSettingBadInput(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.CheckURL = func(raw string) error {
			if strings.Contains(raw, "private") {
				return errors.New("is a private address")
			}
			return httpsOnly(raw)
		}
	})
	const key = `"setting":{"apikey":"sk-0123456789abcdef"}`
	for name, tc := range map[string]struct {
		body     string
		pointers []string
	}{
		"nothing":                {`{}`, []string{"/provider", "/setting"}},
		"no credential":          {`{"provider":"openai","setting":{}}`, []string{"/setting/apiKey"}},
		"empty credential":       {`{"provider":"openai","setting":{"apiKey":""}}`, []string{"/setting/apiKey"}},
		"blank in credential":    {`{"provider":"openai","setting":{"apiKey":"a b"}}`, []string{"/setting/apiKey"}},
		"two credentials":        {`{"provider":"openai","setting":{"apiKey":"aaaaaaaa","apikey":"bbbbbbbb"}}`, []string{"/setting/apikey"}},
		"unknown provider":       {`{"provider":"bedrock",` + key + `}`, []string{"/provider"}},
		"unknown field":          {`{"provider":"openai","nmae":"x",` + key + `}`, []string{"/nmae"}},
		"wrong case":             {`{"Provider":"openai","provider":"openai",` + key + `}`, []string{"/Provider"}},
		"unknown setting field":  {`{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef","a/b~c":1}}`, []string{"/setting/a~1b~0c"}},
		"null setting":           {`{"provider":"openai","setting":null}`, []string{"/setting"}},
		"wrong types":            {`{"provider":1,"name":[],"allowedModels":"x","setting":[]}`, []string{"/allowedModels", "/name", "/provider", "/setting"}},
		"wrong item type":        {`{"provider":"openai","allowedModels":["a",2,""],` + key + `}`, []string{"/allowedModels/1", "/allowedModels/2"}},
		"azure without where":    {`{"provider":"azure",` + key + `}`, []string{"/setting/resourceName"}},
		"azure resource a host":  {`{"provider":"azure","setting":{"apikey":"sk-0123456789abcdef","resourceName":"evil.example/"}}`, []string{"/setting/resourceName"}},
		"azure version":          {`{"provider":"azure","setting":{"apikey":"sk-0123456789abcdef","resourceName":"r","apiVersion":"1&x=2"}}`, []string{"/setting/apiVersion"}},
		"azure map of numbers":   {`{"provider":"azure","setting":{"apikey":"sk-0123456789abcdef","resourceName":"r","modelMap":{"d":1}}}`, []string{"/setting/modelMap/d"}},
		"azure map to nothing":   {`{"provider":"azure","setting":{"apikey":"sk-0123456789abcdef","resourceName":"r","modelMap":{"d":""}}}`, []string{"/setting/modelMap"}},
		"azure without a key":    {`{"provider":"azure","setting":{"resourceName":"r"}}`, []string{"/setting/apiKey"}},
		"azure field on openai":  {`{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef","resourceName":"r"}}`, []string{"/setting/resourceName"}},
		"vllm without url":       {`{"provider":"vllm",` + key + `}`, []string{"/setting/url"}},
		"deepinfra without key":  {`{"provider":"deepinfra","setting":{}}`, []string{"/setting/apiKey"}},
		"scheme of another":      {`{"provider":"azure","setting":{"apikey":"sk-0123456789abcdef","resourceName":"r","authScheme":"x-api-key"}}`, []string{"/setting/authScheme"}},
		"http url":               {`{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef","url":"http://a.example"}}`, []string{"/setting/url"}},
		"refused url":            {`{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef","url":"https://private"}}`, []string{"/setting/url"}},
		"relative url":           {`{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef","url":"/v1"}}`, []string{"/setting/url"}},
		"url with user":          {`{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef","url":"https://a:b@c.example"}}`, []string{"/setting/url"}},
		"url with query":         {`{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef","url":"https://c.example/?a=b"}}`, []string{"/setting/url"}},
		"control character":      {`{"provider":"openai","name":"a\u0000b",` + key + `}`, []string{"/name"}},
		"C1 control character":   {`{"provider":"openai","name":"a\u0085b",` + key + `}`, []string{"/name"}},
		"field twice":            {`{"provider":"openai","provider":"anthropic",` + key + `}`, []string{"/provider"}},
		"several faults at once": {`{"provider":"x","what":1,"name":7}`, []string{"/name", "/setting", "/what"}},
		"not an object":          {`[]`, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			got := f.do("POST", settingsPath, tc.body)
			if got.status != 400 || got.str("type") != "/errors/validation" {
				t.Fatalf("%s: %d %s", tc.body, got.status, got.text)
			}
			pointers := got.pointers()
			slices.Sort(pointers)
			if !slices.Equal(pointers, tc.pointers) {
				t.Errorf("%s: pointers %q, want %q\n%s", tc.body, pointers, tc.pointers, got.text)
			}
			if strings.Contains(got.text, "sk-0123456789abcdef") {
				t.Errorf("the problem shows the credential: %s", got.text)
			}
		})
	}
	if got := f.do("POST", settingsPath, `{"provider":"bedrock",`+key+`}`); !strings.Contains(got.text, "anthropic, azure, deepinfra, openai, vllm") {
		t.Errorf("the problem does not say what is supported: %s", got.text)
	}
}

func TestSettingKeepsItsProvider(t *testing.T) {
	f := newFixture(t)
	id := f.setting()
	f.want(f.do("PATCH", settingsPath+"/"+id, `{"provider":"openai"}`), 200)
	f.want(f.do("PATCH", settingsPath+"/"+id, `{"provider":"anthropic"}`), 400)
	f.want(f.do("PATCH", settingsPath+"/"+id, `{"setting":{"apiKey":null}}`), 400)
}

func TestUnacknowledged(t *testing.T) {
	f := newFixture(t)
	id := f.setting()
	if len(f.applied) != 1 || f.applied[0] == 0 {
		t.Errorf("applied revisions %v", f.applied)
	}
	f.late = []string{"processor-1"}
	for _, a := range []answer{
		f.do("PATCH", settingsPath+"/"+id, `{"name":"x"}`),
		f.do("DELETE", settingsPath+"/"+id, ""),
	} {
		if a.header.Get("X-Bricks-Unacknowledged") != "processor-1" || a.at("unacknowledged", 0) != "processor-1" {
			t.Errorf("late answer: %v %s", a.header, a.text)
		}
	}
}

func TestAuthScheme(t *testing.T) {
	f := newFixture(t)
	made := f.want(f.do("POST", settingsPath, `{"provider":"anthropic","setting":{"apiKey":"sk-0123456789abcdef","authScheme":"bearer"}}`), 200)
	if got := made.at("setting", "authScheme"); got != "bearer" {
		t.Errorf("setting.authScheme %v, want bearer", got)
	}
	back := f.want(f.do("PATCH", settingsPath+"/"+made.str("id"), `{"setting":{"authScheme":"x-api-key"}}`), 200)
	if got := back.at("setting", "authScheme"); got != nil {
		t.Errorf("setting.authScheme %v, want none", got)
	}
	f.want(f.do("PATCH", settingsPath+"/"+made.str("id"), `{"setting":{"authScheme":"basic"}}`), 400)
	f.want(f.do("POST", settingsPath, `{"provider":"openai","setting":{"apiKey":"sk-0123456789abcdef","authScheme":"bearer"}}`), 400)
}

func TestSettingOfEachProvider(t *testing.T) {
	f := newFixture(t)
	for body, want := range map[string]map[string]any{
		`{"provider":"azure","setting":{"apikey":"k-0123456789abcdef","resourceName":"my-resource","apiVersion":"2024-10-21","modelMap":{"d":"gpt-4o"}}}`: {
			"resourceName": "my-resource", "apiVersion": "2024-10-21", "modelMap": map[string]any{"d": "gpt-4o"},
		},
		`{"provider":"azure","setting":{"apikey":"k-0123456789abcdef","url":"https://a.example","authScheme":"bearer"}}`: {
			"url": "https://a.example", "authScheme": "bearer",
		},
		`{"provider":"vllm","setting":{"url":"https://v.example"}}`:          {"url": "https://v.example"},
		`{"provider":"deepinfra","setting":{"apikey":"k-0123456789abcdef"}}`: {},
	} {
		made := f.want(f.do("POST", settingsPath, body), 200)
		if got, _ := made.at("setting").(map[string]any); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: setting %v, want %v", body, got, want)
		}
		one := settingsPath + "/" + made.str("id")
		before := f.do("GET", one, "")
		f.want(f.do("PATCH", one, before.text), 200)
		if after := f.do("GET", one, ""); after.text != before.text {
			t.Errorf("GET after PATCH of GET:\n%s\nbefore:\n%s", after.text, before.text)
		}
	}
	id := f.do("POST", settingsPath, `{"provider":"azure","setting":{"apikey":"k-0123456789abcdef","resourceName":"r","modelMap":{"d":"m"}}}`).str("id")
	f.want(f.do("PATCH", settingsPath+"/"+id, `{"setting":{"modelMap":null}}`), 200)
	f.want(f.do("PATCH", settingsPath+"/"+id, `{"setting":{"resourceName":null}}`), 400)
	if got := f.do("GET", settingsPath+"/"+id, "").at("setting"); !reflect.DeepEqual(got, map[string]any{"resourceName": "r"}) {
		t.Errorf("setting after clearing the map: %v", got)
	}
}

func TestSettingIsTested(t *testing.T) {
	var asked string
	result := provider.ProbeResult{Status: 401, Latency: 1500 * time.Microsecond}
	f := newFixture(t, func(o *Options) {
		o.Probe = func(ctx context.Context, s *gateway.ProviderSetting) provider.ProbeResult {
			if _, ok := ctx.Deadline(); !ok {
				t.Error("no deadline")
			}
			asked = s.APIKey.Reveal()
			return result
		}
	})
	id := f.setting()
	got := f.want(f.do("POST", settingsPath+"/"+id+"/test", ""), 200)
	if asked == "" || got.at("ok") != false || got.at("status") != 401.0 || got.at("latencyInMs") != 1.0 || !strings.Contains(got.str("hint"), "apiKey") {
		t.Errorf("a refused credential: %s", got.text)
	}
	if strings.Contains(got.text, asked) {
		t.Errorf("the answer holds the credential: %s", got.text)
	}
	result = provider.ProbeResult{Status: 200}
	if got := f.want(f.do("POST", settingsPath+"/"+id+"/test", ""), 200); got.at("ok") != true {
		t.Errorf("a good credential: %s", got.text)
	}
	result = provider.ProbeResult{Problem: "The provider's host does not resolve."}
	if got := f.want(f.do("POST", settingsPath+"/"+id+"/test", ""), 200); got.at("ok") != false || got.at("status") != nil || got.str("hint") != result.Problem {
		t.Errorf("no answer: %s", got.text)
	}
	f.want(f.do("POST", settingsPath+"/98daa3ae-961d-4253-bf6a-322a32fdca3d/test", ""), 404)
	f.want(f.do("POST", settingsPath+"/"+id+"/test", "", header("X-API-KEY", viewerKey)), 403)
	without := newFixture(t)
	without.want(without.do("POST", settingsPath+"/"+without.setting()+"/test", ""), 503)
}
