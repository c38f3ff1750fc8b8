package e2e

import "strings"

// mutation replaces a piece of a body.
type mutation struct{ old, new string }

func (m mutation) apply(body string) (changed string, ok bool) {
	changed = strings.Replace(body, m.old, m.new, 1)
	return changed, changed != body
}

// mutations change every member of wholeChat: its value, its type, its name, its
// order where that means something, and whether it is there.
var mutations = []mutation{
	{`"model":"m"`, `"model":"n"`},
	{`"model":"m",`, ``},
	{`be kind`, `be kind `},
	{`be kind`, `be Kind`},
	{`be kind`, "be k\u00efnd"},
	{`be kind`, `be kind\u0000`},
	{`"role":"system"`, `"role":"developer"`},
	{`"text":"hi"`, `"text":""`},
	{`"name":"n"`, `"name":"N"`},
	{`,"name":"n"`, ``},
	{`{"role":"system","content":"be kind"},`, ``},
	{`"temperature":0.5`, `"temperature":0.51`},
	{`"temperature":0.5,`, ``},
	{`"top_p":1`, `"top_p":0.9`},
	{`"top_p":1,`, `"top_p":null,`},
	{`"seed":7`, `"seed":-7`},
	{`"big":9007199254740993`, `"big":9007199254740992`}, // one number to who reads floats
	{`"big":9007199254740993`, `"big":9007199254740994`},
	{`"max_tokens":16`, `"max_tokens":17`},
	{`"max_tokens":16`, `"max_completion_tokens":16`},
	{`["x","y"]`, `["y","x"]`},
	{`["x","y"]`, `["xy"]`},
	{`["x","y"]`, `"x"`},
	{`"user":"u"`, `"user":"v"`},
	{`"user":"u",`, ``},
	{`{"name":"f","parameters"`, `{"name":"g","parameters"`},
	{`"a":{"type":"string"}`, `"b":{"type":"string"}`},
	{`"a":{"type":"string"}`, `"a":{"type":"number"}`},
	{`"k":"v"`, `"k":"w"`},
	{`"k":"v"`, `"K":"v"`},
	{`"response_format":{"type":"text"}`, `"response_format":{"type":"json_object"}`},
	{`[1,{"x":null}]`, `[1,{"x":0}]`},
	{`[1,{"x":null}]`, `[1,{}]`},
	{`[1,{"x":null}]`, `["1",{"x":null}]`},
	{`[1,{"x":null}]`, `[[1],{"x":null}]`},
	{`"n":1`, `"n":2`},
	{`{"model":"m"`, `{"stream":false,"model":"m"`},
	{`{"model":"m"`, `{"stream":true,"model":"m"`},
	{`{"model":"m"`, `{"new":null,"model":"m"`},
}
