package admin

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/policy"
)

// policy makes a policy with extra members and returns its id.
func (f *fixture) policy(tags, extra string) string {
	f.t.Helper()
	return f.want(f.do("POST", policiesPath, `{"tags":[`+tags+`]`+extra+`}`), 200).str("id")
}

func TestPolicyLifeCycle(t *testing.T) {
	f := newFixture(t)
	made := f.want(f.do("POST", policiesPath, `{"name":"Privacy Policy #1","tags":["b","a","b"],
		"config":{"rules":{"address":"block","all":"allow_but_redact","name":"allow_but_warn","url":"allow"}},
		"regexConfig":{"rules":[{"definition":"[2-9]|[12]\\d|3[0-6]","action":"block"}]},
		"applyToResponse":true,"restoreInResponse":true,"onError":"allow","detectors":["presidio","embedded"]}`), 200)
	id := made.str("id")
	delete(made.object(), "id")
	want := map[string]any{
		"created_at": 1772366400.0, "updated_at": 1772366400.0, "name": "Privacy Policy #1", "tags": []any{"b", "a"},
		"config":          map[string]any{"rules": map[string]any{"address": "block", "all": "allow_but_redact", "name": "allow_but_warn", "url": "allow"}},
		"regexConfig":     map[string]any{"rules": []any{map[string]any{"definition": `[2-9]|[12]\d|3[0-6]`, "action": "block"}}},
		"applyToResponse": true, "restoreInResponse": true, "onError": "allow", "detectors": []any{"presidio", "embedded"},
	}
	if diff := cmp.Diff(want, made.body); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	stored, err := f.store.Policy(t.Context(), id)
	if err != nil || stored.Rules["all"] != gateway.PolicyRedact || stored.Regex[0].Definition != `[2-9]|[12]\d|3[0-6]` || !slices.Contains(f.applied, stored.Revision) {
		t.Errorf("stored %+v, applied %v: %v", stored, f.applied, err)
	}
	one := policiesPath + "/" + id

	plain := f.want(f.do("POST", policiesPath, `{"tags":[]}`), 200)
	if plain.str("onError") != "block" || plain.at("detectors", 0) != "embedded" || plain.at("applyToResponse") != false || plain.at("name") != "" {
		t.Errorf("defaults: %s", plain.text)
	}
	for query, want := range map[string]string{"": plain.str("id") + id, "?tags=a&tags=b": id, "?tags=a,c": "", "?ids=" + id: id, "?ids=nonsense": ""} {
		var ids strings.Builder
		for _, p := range f.want(f.do("GET", policiesPath+query, "", as(viewerKey)), 200).list() {
			ids.WriteString(p.(map[string]any)["id"].(string))
		}
		if ids.String() != want {
			t.Errorf("GET %s lists %q, want %q", query, ids.String(), want)
		}
	}
	f.want(f.do("GET", policiesPath+"?name=x", ""), 400)

	before := f.want(f.do("GET", one, ""), 200)
	f.want(f.do("PATCH", one, before.text, header("If-Match", before.header.Get("ETag"))), 200)
	if after := f.do("GET", one, ""); after.text != before.text {
		t.Errorf("GET after PATCH of GET:\n%s\nbefore:\n%s", after.text, before.text)
	}
	f.want(f.do("PATCH", one, `{"name":"x"}`, header("If-Match", before.header.Get("ETag"))), 412)
	f.want(f.do("DELETE", one, "", header("If-Match", before.header.Get("ETag"))), 412)
	f.want(f.do("DELETE", one, ""), 200)
	for _, method := range []string{"GET", "DELETE"} {
		f.want(f.do(method, one, ""), 404)
	}
	f.want(f.do("PATCH", one, `{}`), 404)
	f.want(f.do("GET", policiesPath+"/nonsense", ""), 404)
}

// Each member is changed, left and cleared by itself.
func TestPolicyPatch(t *testing.T) {
	f := newFixture(t)
	one := policiesPath + "/" + f.policy(`"a"`, `,"name":"n","config":{"rules":{"email":"block","ssn":"block"}},"regexConfig":{"rules":[{"definition":"x+","action":"block"}]},
		"applyToResponse":true,"restoreInResponse":true,"onError":"allow","detectors":["presidio"]`)
	state := func(a answer) string {
		return fmt.Sprintf("%v %v %v %v %v %v %v %v", a.at("name"), a.at("tags"), a.at("config", "rules"), a.at("regexConfig", "rules"), a.at("applyToResponse"), a.at("restoreInResponse"), a.at("onError"), a.at("detectors"))
	}
	for _, step := range []struct{ body, want string }{
		{`{}`, `n [a] map[email:block ssn:block] [map[action:block definition:x+]] true true allow [presidio]`},
		{`{"config":{"rules":{"email":"allow_but_redact"}}}`, `n [a] map[email:allow_but_redact] [map[action:block definition:x+]] true true allow [presidio]`},
		{`{"regexConfig":{"rules":[]},"name":"m","tags":["b"]}`, `m [b] map[email:allow_but_redact] [] true true allow [presidio]`},
		{`{"applyToResponse":false,"onError":"block"}`, `m [b] map[email:allow_but_redact] [] false true block [presidio]`},
		{`{"config":{"rules":{}}}`, `m [b] map[] [] false true block [presidio]`},
		{`{"regexConfig":{"rules":[{"definition":"y","action":"allow_but_warn"}]},"detectors":["comprehend"],"onError":"allow"}`, `m [b] map[] [map[action:allow_but_warn definition:y]] false true allow [comprehend]`},
		{`{"name":null,"tags":null,"config":null,"regexConfig":null,"applyToResponse":null,"restoreInResponse":null,"onError":null,"detectors":null}`, ` [] map[] [] false false block [embedded]`},
	} {
		got := f.want(f.do("PATCH", one, step.body), 200)
		if state(got) != step.want {
			t.Errorf("after %s: %s, want %s", step.body, state(got), step.want)
		}
		if kept := f.want(f.do("GET", one, ""), 200); state(kept) != step.want {
			t.Errorf("kept after %s: %s, want %s", step.body, state(kept), step.want)
		}
	}
}

func TestPolicyBadInput(t *testing.T) {
	f := newFixture(t)
	one := policiesPath + "/" + f.policy(`"a"`, "")
	regex := func(definition string) string {
		return `{"tags":["a"],"regexConfig":{"rules":[{"definition":"ok","action":"block"},{"definition":"` + definition + `","action":"block"}]}}`
	}
	rules := func(n int) string {
		return `{"tags":["a"],"regexConfig":{"rules":[` + strings.TrimSuffix(strings.Repeat(`{"definition":"x","action":"block"},`, n), ",") + `]}}`
	}
	types := make([]string, 101)
	for i := range types {
		types[i] = fmt.Sprintf(`"t%d":"block"`, i)
	}
	long := strings.Repeat("long", 100)
	for name, tc := range map[string]struct{ body, pointer, reason string }{
		"unknown type":         {`{"tags":["a"],"config":{"rules":{"emial":"block"}}}`, "/config/rules/emial", "email"},
		"type in capitals":     {`{"tags":["a"],"config":{"rules":{"EMAIL":"block"}}}`, "/config/rules/EMAIL", "email"},
		"type with a slash":    {`{"tags":["a"],"config":{"rules":{"a/b~c":"block"}}}`, "/config/rules/a~1b~0c", "email"},
		"long type":            {`{"tags":["a"],"config":{"rules":{"` + long + `":"block"}}}`, "/config/rules/" + long[:64] + "…", "email"},
		"many types":           {`{"tags":["a"],"config":{"rules":{` + strings.Join(types, ",") + `}}}`, "/config/rules", "more types than there are"},
		"unknown action":       {`{"tags":["a"],"config":{"rules":{"email":"redact"}}}`, "/config/rules/email", "allow_but_redact"},
		"no action":            {`{"tags":["a"],"config":{"rules":{"email":null}}}`, "/config/rules/email", "null"},
		"no rules":             {`{"tags":["a"],"config":{}}`, "/config/rules", "required"},
		"rules null":           {`{"tags":["a"],"config":{"rules":null}}`, "/config/rules", "null"},
		"rules a list":         {`{"tags":["a"],"config":{"rules":["email"]}}`, "/config/rules", "object"},
		"regex unclosed":       {regex("a(b"), "/regexConfig/rules/1/definition", "missing closing )"},
		"regex look-ahead":     {regex("a(?=b)"), "/regexConfig/rules/1/definition", "(?="},
		"regex back-reference": {regex(`(a)\\1`), "/regexConfig/rules/1/definition", `\1`},
		"regex empty":          {regex(""), "/regexConfig/rules/1/definition", "empty"},
		"regex of nothing":     {regex("a*"), "/regexConfig/rules/1/definition", "empty text"},
		"regex long":           {regex(strings.Repeat("a", 1025)), "/regexConfig/rules/1/definition", "1024"},
		"regex long in bytes":  {regex(strings.Repeat("ä", 600)), "/regexConfig/rules/1/definition", "1024"},
		"regex large":          {regex("(a{1,100}){1,10}(b{1,100}){1,10}(c{1,100}){1,10}"), "/regexConfig/rules/1/definition", "repeat less"},
		"regex action":         {`{"tags":["a"],"regexConfig":{"rules":[{"definition":"a","action":"deny"}]}}`, "/regexConfig/rules/0/action", "block"},
		"regex without action": {`{"tags":["a"],"regexConfig":{"rules":[{"definition":"a"}]}}`, "/regexConfig/rules/0/action", "required"},
		"too many regexes":     {rules(policy.MaxRegexRules + 1), "/regexConfig/rules", fmt.Sprint(policy.MaxRegexRules)},
		"unknown detector":     {`{"tags":["a"],"detectors":["embedded","other"]}`, "/detectors/1", "comprehend"},
		"onError":              {`{"tags":["a"],"onError":"ignore"}`, "/onError", "allow"},
		"flag as text":         {`{"tags":["a"],"applyToResponse":"yes"}`, "/applyToResponse", "true or false"},
		"empty tag":            {`{"tags":["a",""]}`, "/tags/1", "empty"},
		"tags no list":         {`{"tags":"a"}`, "/tags", "array"},
		"control in tag":       {`{"tags":["a\nb"]}`, "/tags/0", "control"},
		"long name":            {`{"tags":["a"],"name":"` + strings.Repeat("n", 257) + `"}`, "/name", "256"},
		"unknown field":        {`{"tags":["a"],"regex_config":null}`, "/regex_config", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			for method, path := range map[string]string{"POST": policiesPath, "PATCH": one} {
				got := f.do(method, path, tc.body)
				if got.status != 400 || got.str("type") != "/errors/validation" || !slices.Equal(got.pointers(), []string{tc.pointer}) || !strings.Contains(got.text, strings.ReplaceAll(tc.reason, `\`, `\\`)) {
					t.Errorf("%s: %d, pointers %q, want %q with %q\n%.500s", method, got.status, got.pointers(), tc.pointer, tc.reason, got.text)
				}
			}
		})
	}
	for _, body := range []string{`{}`, `{"tags":null}`} {
		if got := f.want(f.do("POST", policiesPath, body), 400); !slices.Equal(got.pointers(), []string{"/tags"}) {
			t.Errorf("%s: %s", body, got.text)
		}
	}
	f.want(f.do("POST", policiesPath, rules(policy.MaxRegexRules)), 200)
	if kept := f.do("GET", one, ""); kept.header.Get("ETag") != `"1"` {
		t.Errorf("refused changes left %s", kept.text)
	}
}

func TestPolicyOfAKey(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	p, other := f.policy(`"a"`, ""), f.policy(`"a"`, "")
	key := f.key(setting, `"policyId":"`+strings.ToUpper(p)+`"`)
	if key.str("policyId") != p {
		t.Errorf("created: %s", key.text)
	}
	one := keysPath + "/" + key.str("keyId")
	const unknown = "98daa3ae-961d-4253-bf6a-322a32fdca3d"
	for _, id := range []string{unknown, "x", key.str("keyId")} {
		body := `{"name":"k","settingIds":["` + setting + `"],"policyId":"` + id + `"}`
		for method, path := range map[string]string{"PUT": keysPath, "POST": keysPath, "PATCH": one} {
			got := f.want(f.do(method, path, body), 400)
			if !slices.Equal(got.pointers(), []string{"/policyId"}) || got.at("errors", 0, "detail") != "no policy has this id" {
				t.Errorf("%s %s: %s", method, id, got.text)
			}
		}
	}
	if got := f.want(f.do("DELETE", policiesPath+"/"+p, ""), 409); got.str("type") != "/errors/conflict" || !strings.Contains(got.str("detail"), key.str("keyId")) {
		t.Errorf("in use: %s", got.text)
	}
	f.want(f.do("GET", policiesPath+"/"+p, ""), 200)
	for _, step := range []struct{ body, want string }{
		{`{"name":"new"}`, p}, {`{"policyId":"` + other + `"}`, other}, {`{"policyId":""}`, ""}, {`{"policyId":"` + p + `"}`, p}, {`{"policyId":null}`, ""},
	} {
		if got := f.want(f.do("PATCH", one, step.body), 200); got.str("policyId") != step.want {
			t.Errorf("after %s: policy %q, want %q", step.body, got.str("policyId"), step.want)
		}
	}
	f.want(f.do("DELETE", policiesPath+"/"+p, ""), 200)
}

func TestPoliciesOfAScope(t *testing.T) {
	f := newFixture(t)
	mine, theirs := f.policy(`"team-a"`, ""), f.policy(`"team-b"`, "")
	me := as(scopedKey)
	if list := f.want(f.do("GET", policiesPath, "", me), 200).list(); len(list) != 1 || list[0].(map[string]any)["id"] != mine {
		t.Errorf("the scoped key sees %v", list)
	}
	if list := f.want(f.do("GET", policiesPath+"?tags=team-b", "", me), 200).list(); len(list) != 0 {
		t.Errorf("the scoped key finds %v", list)
	}
	for _, method := range []string{"GET", "DELETE"} {
		f.want(f.do(method, policiesPath+"/"+theirs, "", me), 404)
	}
	f.want(f.do("PATCH", policiesPath+"/"+theirs, `{"name":"x"}`, me), 404)
	f.want(f.do("PATCH", policiesPath+"/"+mine, `{"tags":["team-b"]}`, me), 403)
	f.want(f.do("PATCH", policiesPath+"/"+mine, `{"name":"x","tags":["team-a","x"]}`, me), 200)
	f.want(f.do("POST", policiesPath, `{"tags":["team-b"]}`, me), 403)
	made := f.want(f.do("POST", policiesPath, `{"tags":["team-a"]}`, me), 200).str("id")
	f.want(f.do("DELETE", policiesPath+"/"+made, "", me), 200)

	setting := f.setting()
	key := func(policy string) string {
		return `{"name":"k","tags":["team-a"],"settingIds":["` + setting + `"],"policyId":"` + policy + `"}`
	}
	if got := f.want(f.do("PUT", keysPath, key(theirs), me), 400); !slices.Equal(got.pointers(), []string{"/policyId"}) {
		t.Errorf("a policy out of sight: %s", got.text)
	}
	f.want(f.do("PUT", keysPath, key(mine), me), 200)
	// What somebody else gave the key stays, also when the key is sent back as it was read.
	given := f.want(f.do("PUT", keysPath, key(theirs)), 200)
	if got := f.want(f.do("PATCH", keysPath+"/"+given.str("keyId"), `{"name":"new","policyId":"`+theirs+`"}`, me), 200); got.str("policyId") != theirs {
		t.Errorf("sent back: %s", got.text)
	}

	f.want(f.do("POST", policiesPath, `{"tags":[]}`, as(viewerKey)), 403)
	f.want(f.do("PATCH", policiesPath+"/"+mine, `{}`, as(viewerKey)), 403)
	f.want(f.do("DELETE", policiesPath+"/"+mine, "", as(viewerKey)), 403)
	f.want(f.do("GET", policiesPath+"/"+mine, "", as(viewerKey)), 200)
}
