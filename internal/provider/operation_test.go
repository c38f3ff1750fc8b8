package provider

import "testing"

func TestForOperation(t *testing.T) {
	deployments := Provider{Name: "test", Endpoints: []Endpoint{
		{Method: "POST", Path: "/openai/deployments/{deployment}/chat/completions", Operation: "chat", Body: JSONBody},
		{Method: "GET", Path: "/v1/models", Operation: "list_models"},
	}}
	for name, c := range map[string]struct {
		p          *Provider
		operation  string
		params     map[string]string
		path, want string
	}{
		"openai chat":        {&openAI, "chat", nil, "/v1/chat/completions", ""},
		"openai embeddings":  {&openAI, "embeddings", nil, "/v1/embeddings", ""},
		"anthropic chat":     {&anthropic, "chat", nil, "/v1/messages", ""},
		"no such operation":  {&anthropic, "embeddings", nil, "", ""},
		"not with a body":    {&openAI, "list_models", nil, "", ""},
		"a deployment":       {&deployments, "chat", map[string]string{"deploymentId": "my-gpt.4", "apiVersion": "2024-10-21"}, "/openai/deployments/my-gpt.4/chat/completions", "api-version=2024-10-21"},
		"a version of blank": {&deployments, "chat", map[string]string{"deploymentId": "d", "apiVersion": "a&b"}, "/openai/deployments/d/chat/completions", "api-version=a%26b"},
		"no deployment":      {&deployments, "chat", nil, "", ""},
		"a path in it":       {&deployments, "chat", map[string]string{"deploymentId": "../x"}, "", ""},
		"dots":               {&deployments, "chat", map[string]string{"deploymentId": ".."}, "", ""},
		"a query in it":      {&deployments, "chat", map[string]string{"deploymentId": "x?y"}, "", ""},
	} {
		m, query, err := c.p.ForOperation(c.operation, c.params)
		if m.Path != c.path || query != c.want || (err == nil) != (c.path != "") {
			t.Errorf("%s: %q %q %v, want %q %q", name, m.Path, query, err, c.path, c.want)
		}
	}
}
