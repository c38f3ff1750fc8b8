package admin

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const customRoute = `{"path":"/chat","target_url":"https://api.example.com/v1/chat","model_location":"model","request_prompt_location":"messages.#.content",` +
	`"response_completion_location":"choices.#.message.content","stream_location":"stream","stream_end_word":"[DONE]",` +
	`"stream_response_completion_location":"choices.#.delta.content","stream_max_empty_messages":10}`

// custom makes a custom provider with extra members and returns the answer.
func (f *fixture) custom(name, extra string, edit ...func(string) string) answer {
	f.t.Helper()
	body := `{"provider":"` + name + `","route_configs":[` + customRoute + `]`
	for _, e := range edit {
		body = e(body)
	}
	if extra != "" {
		body += "," + extra
	}
	return f.do("POST", customProvidersPath, body+"}")
}

func TestCustomProviderLifeCycle(t *testing.T) {
	f := newFixture(t)
	made := f.want(f.custom("bricks", `"authentication_param":"token","tags":["b","a"]`), 200)
	if made.at("route_configs", 0, "stream_max_empty_messages") != 10.0 || made.at("route_configs", 0, "request_prompt_location") != "messages.#.content" ||
		made.str("authentication_param") != "token" || made.at("created_at") != 1772366400.0 {
		t.Errorf("created: %s", made.text)
	}
	one := customProvidersPath + "/" + made.str("id")
	if got := f.want(f.custom("bricks", ""), 409); got.str("type") != "/errors/conflict" {
		t.Errorf("the same name again: %s", got.text)
	}
	f.want(f.custom("other", ""), 200)
	for query, want := range map[string]string{"": "other bricks", "?tags=a&tags=b": "bricks", "?tags=a,c": "", "?ids=" + made.str("id"): "bricks", "?ids=nonsense": "", "?provider=other": "other"} {
		var names []string
		for _, p := range f.want(f.do("GET", customProvidersPath+query, ""), 200).list() {
			names = append(names, p.(map[string]any)["provider"].(string))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("GET %s lists %q, want %q", query, got, want)
		}
	}
	before := f.want(f.do("GET", one, ""), 200)
	f.want(f.do("PATCH", one, before.text, header("If-Match", before.header.Get("ETag"))), 200)
	if after := f.do("GET", one, ""); after.text != before.text {
		t.Errorf("GET after PATCH of GET:\n%s\nbefore:\n%s", after.text, before.text)
	}
	f.want(f.do("PATCH", one, `{"authentication_param":"x"}`, header("If-Match", before.header.Get("ETag"))), 412)
	f.want(f.do("PATCH", one, `{"provider":"another"}`), 400)
	changed := f.want(f.do("PATCH", one, `{"route_configs":[`+strings.Replace(customRoute, "/chat", "/talk", 1)+`],"authentication_header":"X-Token"}`), 200)
	if changed.at("route_configs", 0, "path") != "/talk" || changed.at("route_configs", 1) != nil || changed.str("authentication_header") != "X-Token" {
		t.Errorf("changed: %s", changed.text)
	}

	setting := f.want(f.do("POST", settingsPath, `{"provider":"bricks","setting":{"token":"secret-0123456789"}}`), 200)
	if got := f.want(f.do("DELETE", one, ""), 409); !strings.Contains(got.str("detail"), setting.str("id")) {
		t.Errorf("in use: %s", got.text)
	}
	f.want(f.do("DELETE", settingsPath+"/"+setting.str("id"), ""), 200)
	f.want(f.do("DELETE", one, ""), 200)
	for _, method := range []string{"GET", "DELETE"} {
		f.want(f.do(method, one, ""), 404)
	}
	f.want(f.do("PATCH", one, `{}`), 404)
}

func TestCustomProviderBadInput(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.CheckURL = func(raw string) error {
			if strings.Contains(raw, "169.254") {
				return errors.New("is a private address")
			}
			return httpsOnly(raw)
		}
	})
	replace := func(old, new string) string {
		if !strings.Contains(customRoute, old) {
			t.Fatalf("no %s to replace", old)
		}
		return `{"provider":"p","route_configs":[` + strings.Replace(customRoute, old, new, 1) + `]}`
	}
	at := func(members ...string) (out []string) {
		for _, m := range members {
			out = append(out, "/route_configs/0/"+m)
		}
		return out
	}
	location := func(path string) string { return replace(`"model"`, `"`+path+`"`) }
	tests := map[string]struct {
		body     string
		pointers []string
	}{
		"nothing":               {`{}`, []string{"/provider", "/route_configs"}},
		"no route":              {`{"provider":"p","route_configs":[]}`, []string{"/route_configs"}},
		"routes null":           {`{"provider":"p","route_configs":null}`, []string{"/route_configs"}},
		"empty route":           {`{"provider":"p","route_configs":[{}]}`, at("model_location", "path", "request_prompt_location", "response_completion_location", "stream_end_word", "stream_location", "stream_max_empty_messages", "stream_response_completion_location", "target_url")},
		"unknown member":        {replace(`"path"`, `"x":1,"path"`), at("x")},
		"built-in name":         {`{"provider":"openai","route_configs":[` + customRoute + `]}`, []string{"/provider"}},
		"built-in name's case":  {`{"provider":"Azure","route_configs":[` + customRoute + `]}`, []string{"/provider"}},
		"name of a path":        {`{"provider":"a/b","route_configs":[` + customRoute + `]}`, []string{"/provider"}},
		"name of dots":          {`{"provider":"..","route_configs":[` + customRoute + `]}`, []string{"/provider"}},
		"path twice":            {`{"provider":"p","route_configs":[` + customRoute + `,` + customRoute + `]}`, []string{"/route_configs/1/path"}},
		"relative path":         {replace(`"/chat"`, `"chat"`), at("path")},
		"path with dots":        {replace(`"/chat"`, `"/a/../b"`), at("path")},
		"path with escape":      {replace(`"/chat"`, `"/a%2fb"`), at("path")},
		"plain http":            {replace("https://api", "http://api"), at("target_url")},
		"user in target":        {replace("https://api", "https://u:p@api"), at("target_url")},
		"fragment":              {replace("v1/chat", "v1/chat#x"), at("target_url")},
		"link-local":            {replace("api.example.com", "169.254.169.254"), at("target_url")},
		"dots in target":        {replace("v1/chat", "v1/../chat"), at("target_url")},
		"escape in target":      {replace("v1/chat", "v1%2fchat"), at("target_url")},
		"other scheme":          {replace("https://", "file://"), at("target_url")},
		"negative bound":        {replace(":10}", ":-1}"), at("stream_max_empty_messages")},
		"modifier":              {location("@this"), at("model_location")},
		"piped modifier":        {location("a|@pretty"), at("model_location")},
		"query":                 {location(`a.#(b>1).c`), at("model_location")},
		"wildcard":              {location("a.*.b"), at("model_location")},
		"question mark":         {location("a?"), at("model_location")},
		"multipath object":      {location("{a,a}"), at("model_location")},
		"multipath array":       {location("[a,a]"), at("model_location")},
		"literal":               {location("!1"), at("model_location")},
		"lines":                 {location("..0"), at("model_location")},
		"count":                 {location("messages.#"), at("model_location")},
		"count of the whole":    {location("#"), at("model_location")},
		"empty part":            {location("a..b"), at("model_location")},
		"ends in a dot":         {location("a."), at("model_location")},
		"# in a name":           {location("a#b"), at("model_location")},
		"backslash":             {location(`a\\`), at("model_location")},
		"too many parts":        {location("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a"), at("model_location")},
		"header of ours":        {`{"provider":"p","authentication_param":"k","authentication_header":"x-bricks-cluster","route_configs":[` + customRoute + `]}`, []string{"/authentication_header"}},
		"header Host":           {`{"provider":"p","authentication_param":"k","authentication_header":"Host","route_configs":[` + customRoute + `]}`, []string{"/authentication_header"}},
		"header with a line":    {`{"provider":"p","authentication_param":"k","authentication_header":"a b","route_configs":[` + customRoute + `]}`, []string{"/authentication_header"}},
		"query with ampersand":  {`{"provider":"p","authentication_param":"k","authentication_query":"a&b","route_configs":[` + customRoute + `]}`, []string{"/authentication_query"}},
		"both ways":             {`{"provider":"p","authentication_param":"k","authentication_header":"x-k","authentication_query":"k","route_configs":[` + customRoute + `]}`, []string{"/authentication_query"}},
		"header without param":  {`{"provider":"p","authentication_header":"x-k","route_configs":[` + customRoute + `]}`, []string{"/authentication_header"}},
		"param of another kind": {`{"provider":"p","authentication_param":"url","route_configs":[` + customRoute + `]}`, []string{"/authentication_param"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := f.do("POST", customProvidersPath, tc.body)
			pointers := got.pointers()
			slices.Sort(pointers)
			if got.status != 400 || !slices.Equal(pointers, tc.pointers) {
				t.Errorf("%s: %d, pointers %q, want %q\n%s", tc.body, got.status, pointers, tc.pointers, got.text)
			}
		})
	}
	for _, good := range []string{"model", "a.b.0", "#.a", `a\\.b`, `fav\\@name.x`, "choices.#.delta.content", "a.#.b.#.c"} {
		f.want(f.do("POST", customProvidersPath, strings.Replace(location(good), `"p"`, `"good"`, 1)), 200)
		list := f.do("GET", customProvidersPath+"?provider=good", "")
		f.want(f.do("DELETE", customProvidersPath+"/"+list.at(0, "id").(string), ""), 200)
	}
}

// A setting of a custom provider holds what the provider names, and nothing else.
func TestCustomProviderSettings(t *testing.T) {
	f := newFixture(t)
	f.want(f.custom("named", `"authentication_param":"my_token"`), 200)
	f.want(f.custom("usual", `"authentication_param":"apikey"`), 200)
	f.want(f.custom("open", ""), 200)
	const secret = "credential-0123456789"
	for name, tc := range map[string]struct {
		provider, setting string
		pointers          []string // nil: it is taken
		credential        string
	}{
		"named":             {"named", `{"my_token":"` + secret + `"}`, nil, secret},
		"usual":             {"usual", `{"apikey":"` + secret + `"}`, nil, secret},
		"usual's alias":     {"usual", `{"apiKey":"` + secret + `"}`, nil, secret},
		"open":              {"open", `{}`, nil, ""},
		"missing":           {"named", `{}`, []string{"/setting/my_token"}, ""},
		"missing usual":     {"usual", `{}`, []string{"/setting/apikey"}, ""},
		"null":              {"named", `{"my_token":null}`, []string{"/setting/my_token"}, ""},
		"empty":             {"named", `{"my_token":""}`, []string{"/setting/my_token"}, ""},
		"other member":      {"named", `{"apikey":"` + secret + `"}`, []string{"/setting/apikey", "/setting/my_token"}, ""},
		"one more":          {"named", `{"my_token":"` + secret + `","x/y":"1"}`, []string{"/setting/x~1y"}, ""},
		"a url":             {"named", `{"my_token":"` + secret + `","url":"https://elsewhere.example"}`, []string{"/setting/url"}, ""},
		"no text":           {"named", `{"my_token":7}`, []string{"/setting/my_token"}, ""},
		"blank":             {"named", `{"my_token":"a b"}`, []string{"/setting/my_token"}, ""},
		"nobody asks":       {"open", `{"apikey":"` + secret + `"}`, []string{"/setting/apikey"}, ""},
		"unknown provider":  {"nobody", `{"apikey":"` + secret + `"}`, []string{"/provider"}, ""},
		"built-in with one": {"openai", `{"apikey":"` + secret + `","my_token":"x"}`, []string{"/setting/my_token"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := f.do("POST", settingsPath, `{"provider":"`+tc.provider+`","setting":`+tc.setting+`}`)
			pointers := got.pointers()
			slices.Sort(pointers)
			if (got.status == 200) != (tc.pointers == nil) || !slices.Equal(pointers, tc.pointers) || strings.Contains(got.text, secret) {
				t.Fatalf("%d, pointers %q, want %q\n%s", got.status, pointers, tc.pointers, got.text)
			}
			if got.status != 200 {
				return
			}
			stored, err := f.store.Setting(t.Context(), got.str("id"))
			if err != nil || stored.APIKey.Reveal() != tc.credential || len(stored.Params) != 0 {
				t.Errorf("stored %v with %q, want %q: %v", stored, stored.APIKey.Reveal(), tc.credential, err)
			}
			f.want(f.do("PATCH", settingsPath+"/"+got.str("id"), f.do("GET", settingsPath+"/"+got.str("id"), "").text), 200)
			if kept, _ := f.store.Setting(t.Context(), got.str("id")); kept.APIKey.Reveal() != tc.credential {
				t.Errorf("after PATCH of GET the credential is %q", kept.APIKey.Reveal())
			}
		})
	}
	open := f.do("GET", customProvidersPath+"?provider=open", "").at(0, "id").(string)
	if got := f.want(f.do("PATCH", customProvidersPath+"/"+open, `{"authentication_param":"token"}`), 409); got.str("type") != "/errors/conflict" {
		t.Errorf("a credential that no setting has: %s", got.text)
	}
}

func TestCustomProvidersOfAScope(t *testing.T) {
	f := newFixture(t)
	mine := f.want(f.custom("mine", `"tags":["team-a"]`), 200).str("id")
	theirs := f.want(f.custom("theirs", `"tags":["team-b"]`), 200).str("id")
	me := as(scopedKey)
	if list := f.want(f.do("GET", customProvidersPath, "", me), 200).list(); len(list) != 1 || list[0].(map[string]any)["id"] != mine {
		t.Errorf("the scoped key sees %v", list)
	}
	for _, method := range []string{"GET", "DELETE"} {
		f.want(f.do(method, customProvidersPath+"/"+theirs, "", me), 404)
	}
	f.want(f.do("PATCH", customProvidersPath+"/"+theirs, `{"authentication_param":"x"}`, me), 404)
	f.want(f.do("PATCH", customProvidersPath+"/"+mine, `{"tags":null}`, me), 403)
	f.want(f.do("PATCH", customProvidersPath+"/"+mine, `{"authentication_param":"x"}`, me), 200)
	elsewhere := `{"route_configs":[` + strings.Replace(customRoute, "api.example.com", "elsewhere.example.com", 1) + `]}`
	f.want(f.do("POST", settingsPath, `{"provider":"mine","setting":{"x":"credential-0123456789"}}`), 200)
	if got := f.want(f.do("PATCH", customProvidersPath+"/"+mine, elsewhere, me), 403); !strings.Contains(got.str("detail"), "credentials") {
		t.Errorf("a scoped key leads a credential elsewhere: %s", got.text)
	}
	f.want(f.do("PATCH", customProvidersPath+"/"+mine, `{"route_configs":[`+strings.Replace(customRoute, "v1/chat", "v2/chat", 1)+`]}`, me), 200)
	f.want(f.do("PATCH", customProvidersPath+"/"+mine, elsewhere), 200)
	body := `{"provider":"third","route_configs":[` + customRoute + `]}`
	f.want(f.do("POST", customProvidersPath, body, me), 403)
	f.want(f.do("POST", customProvidersPath, body, as(viewerKey)), 403)
}
