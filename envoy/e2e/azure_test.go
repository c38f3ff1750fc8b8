package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// azureSetting makes a setting for the fake's Azure.
func (e *env) azureSetting(more testenv.Object, top testenv.Object) string {
	setting := testenv.Object{"apikey": fakeprovider.AzureKey, "url": e.fake.URL()}
	for k, v := range more {
		setting[k] = v
	}
	body := testenv.Object{"provider": "azure", "setting": setting}
	for k, v := range top {
		body[k] = v
	}
	id, _ := e.Do(http.MethodPost, "/api/provider-settings", body)["id"].(string)
	return id
}

func TestAzure(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	e.secrets = append(e.secrets, fakeprovider.AzureKey)
	const deployed = "/api/providers/azure/openai/deployments/my-deployment/chat/completions"
	plain := e.CreateKey([]string{e.azureSetting(modelMap, nil)}, nil)
	hello := `{"model":"whatever","stream":true,` + hello + `}`

	t.Run("the client's api-version wins, an old one gets no stream_options", func(t *testing.T) {
		e.fake.Reset()
		a := e.post(t, deployed+"?api-version=2024-06-01", hello, bearer(plain)...)
		r := e.forwarded(t)
		if a.status != http.StatusOK || string(r.Body) != hello || r.Target != "/openai/deployments/my-deployment/chat/completions?api-version=2024-06-01" {
			t.Errorf("got %v, the provider saw %s %s", a, r.Target, r.Body)
		}
		if ev := e.AwaitEvent(plain, a.eventID()); !ev.Estimated || ev.OutputTokens == 0 || ev.Model != "gpt-4o-mini-2024-07-18" {
			t.Errorf("event = %+v", ev)
		}
	})
	t.Run("a new one is asked for usage", func(t *testing.T) {
		a := e.post(t, deployed+"?api-version=2025-01-01-preview", hello, bearer(plain)...)
		if ev := e.AwaitEvent(plain, a.eventID()); ev.Estimated || ev.InputTokens != 10 || strings.Contains(string(a.body), `"usage"`) {
			t.Errorf("got %v, event %+v", a, ev)
		}
	})
	t.Run("not together with its own data sources", func(t *testing.T) {
		e.fake.Reset()
		body := strings.Replace(hello, "{", `{"data_sources":[{}],`, 1)
		e.post(t, deployed+"?api-version=2025-01-01-preview", body, bearer(plain)...)
		if got := string(e.forwarded(t).Body); got != body {
			t.Errorf("the provider got %s", got)
		}
	})
	t.Run("none at all is the provider's to refuse", func(t *testing.T) {
		if a := e.post(t, deployed, helloChat, bearer(plain)...); a.status != http.StatusNotFound {
			t.Errorf("got %v", a)
		}
	})
	t.Run("allowed models are the deployed ones", func(t *testing.T) {
		for model, status := range map[string]int{"gpt-4o-mini": 200, "my-deployment": 403, "whatever": 403} {
			key := e.CreateKey([]string{e.azureSetting(modelMap, testenv.Object{"allowedModels": []string{model}})}, nil)
			if a := e.post(t, deployed+"?api-version=2024-10-21", helloChat, bearer(key)...); a.status != status {
				t.Errorf("a setting that allows %s: got %v, want %d", model, a, status)
			}
		}
		key := e.CreateKey([]string{e.azureSetting(nil, nil)}, testenv.Object{"allowedModels": []string{"my-deployment"}})
		if a := e.post(t, deployed+"?api-version=2024-10-21", helloChat, bearer(key)...); a.status != http.StatusOK {
			t.Errorf("without a map the deployment's name is the model: got %v", a)
		}
	})
	t.Run("a bearer token, over v1", func(t *testing.T) {
		key := e.CreateKey([]string{e.azureSetting(testenv.Object{"authScheme": "bearer"}, nil)}, nil)
		e.fake.Reset()
		a := e.post(t, "/api/providers/azure/openai/v1/chat/completions", helloChat, "Authorization", "", "Api-Key", key.Secret)
		if r := e.forwarded(t); a.status != http.StatusOK || r.Header.Get("Authorization") != "Bearer "+fakeprovider.AzureKey || r.Header.Get("Api-Key") != "" {
			t.Errorf("got %v, the provider saw %v", a, r.Header)
		}
	})
	t.Run("several settings in turn", func(t *testing.T) {
		two := []string{e.azureSetting(nil, nil), e.azureSetting(nil, nil)}
		key := e.CreateKey(two, testenv.Object{"rotationEnabled": true})
		for range 6 {
			e.post(t, deployed+"?api-version=2024-10-21", helloChat, bearer(key)...)
		}
		count := map[string]int{}
		for _, ev := range e.AwaitEvents(key, 6) {
			count[ev.SettingID]++
		}
		if count[two[0]] != 3 || count[two[1]] != 3 {
			t.Errorf("settings were used %v times, want 3 each", count)
		}
	})
}

// TestSettingTest: the admin API calls the provider like Envoy would.
func TestSettingTest(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	wrong := e.CreateSetting("openai", "sk-wrong-credential-0123456789", e.fake.URL(), nil)
	for id, want := range map[string]bool{e.openAI: true, e.anthropic: true, e.azureSetting(nil, nil): true, wrong: false} {
		o := e.Do(http.MethodPost, "/api/provider-settings/"+id+"/test", testenv.Object{})
		if o["ok"] != want || o["hint"] == "" {
			t.Errorf("setting %s: %v, want ok %v", id, o, want)
		}
	}
}
