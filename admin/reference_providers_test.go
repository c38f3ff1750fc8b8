package admin

import (
	"fmt"
	"strings"
	"time"
)

const referenceSettingFields = "createdAt int, updatedAt int, provider string, id string, name string, allowedModels []string"

func referenceSettings() []referenceRow {
	body := words("provider setting name allowedModels setting.apiKey setting.url setting.resourceName")
	create := referenceRow{title: "Create a provider setting", method: "POST", path: settingsPath, body: body, answer: fields(referenceSettingFields), test: referenceCreateSetting}
	put := create
	put.title, put.method = "Create a provider setting (quick start)", "PUT"
	return []referenceRow{create, put,
		{title: "Get provider settings", method: "GET", path: settingsPath, query: words("ids"), answer: fields(referenceSettingFields), test: referenceListSettings},
		{title: "Update a provider setting", method: "PATCH", path: settingsPath + "/{id}", body: words("setting name allowedModels setting.apiKey setting.url setting.resourceName"),
			answer: fields(referenceSettingFields), test: referenceUpdateSetting},
	}
}

func referenceCreateSetting(r *reference) {
	got := r.call("", "", `{"provider":"openai","setting":{"apikey":"YOUR_OPENAI_KEY"},"name":"YOUR_PROVIDER_SETTING_NAME","allowedModels":["text-embedding-ada-002"]}`)
	r.shows(got.body, `{"createdAt":1772366400,"updatedAt":1772366400,"provider":"openai","name":"YOUR_PROVIDER_SETTING_NAME","allowedModels":["text-embedding-ada-002"]}`)
	if !isID.MatchString(got.str("id")) || strings.Contains(got.text, "YOUR_OPENAI_KEY") {
		r.t.Errorf("made %s", got.text)
	}
	got = r.call("", "", `{"provider":"azure","setting":{"apiKey":"xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","resourceName":"YOUR-AZURE-RESOURCE-NAME"}}`)
	r.shows(got.body, `{"provider":"azure","setting":{"resourceName":"YOUR-AZURE-RESOURCE-NAME"}}`)
	got = r.call("", "", `{"provider":"vllm","setting":{"apiKey":"xx","url":"https://your.deployment.url"}}`)
	r.shows(got.body, `{"provider":"vllm","setting":{"url":"https://your.deployment.url"}}`)
	for _, provider := range []string{"openai", "anthropic", "azure", "deepinfra"} {
		if got := r.do(r.row.method, settingsPath, `{"provider":"`+provider+`","setting":{}}`); got.status != 400 || got.pointers()[0] != "/setting/apiKey" {
			r.t.Errorf("%s without a credential: %d %s", provider, got.status, got.text)
		}
	}
	r.want(r.do(r.row.method, settingsPath, `{"provider":"vllm","setting":{"apiKey":"xx"}}`), 400)  // url is required
	r.want(r.do(r.row.method, settingsPath, `{"provider":"azure","setting":{"apiKey":"xx"}}`), 400) // resourceName is required
}

func referenceListSettings(r *reference) {
	first := r.want(r.do("POST", settingsPath, `{"provider":"openai","setting":{"apikey":"YOUR_OPENAI_KEY"},"name":"YOUR_PROVIDER_SETTING_NAME","allowedModels":["text-embedding-ada-002"]}`), 200).str("id")
	r.advance(time.Second)
	second := r.setting()
	r.same("all", ids(r.call("", "", "").body, "id"), []string{second, first})
	got := r.call("", "?ids="+first, "")
	r.same("one", ids(got.body, "id"), []string{first})
	r.shows(got.at(0), fmt.Sprintf(`{"id":%q,"createdAt":1772366400,"updatedAt":1772366400,"provider":"openai","name":"YOUR_PROVIDER_SETTING_NAME","allowedModels":["text-embedding-ada-002"]}`, first))
}

func referenceUpdateSetting(r *reference) {
	id := r.setting()
	r.advance(time.Minute)
	got := r.call(id, "", `{"setting":{"apikey":"ANOTHER_OPENAI_KEY"},"name":"YOUR_PROVIDER_SETTING_NAME","allowedModels":["text-embedding-ada-002"]}`)
	r.shows(got.body, fmt.Sprintf(`{"id":%q,"createdAt":1772366400,"updatedAt":1772366460,"provider":"openai","name":"YOUR_PROVIDER_SETTING_NAME","allowedModels":["text-embedding-ada-002"],"apiKeyMask":"****_KEY"}`, id))
	if s, err := r.store.Setting(r.t.Context(), id); err != nil || s.APIKey.Reveal() != "ANOTHER_OPENAI_KEY" {
		r.t.Errorf("the credential was not replaced: %v", err)
	}
	azure := r.want(r.do("POST", settingsPath, `{"provider":"azure","setting":{"apiKey":"YOUR_AZURE_KEY","resourceName":"old"}}`), 200).str("id")
	got = r.call(azure, "", `{"setting":{"apiKey":"xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","resourceName":"YOUR-AZURE-RESOURCE-NAME","url":"https://your.deployment.url"}}`)
	r.shows(got.body, `{"setting":{"resourceName":"YOUR-AZURE-RESOURCE-NAME","url":"https://your.deployment.url"}}`)
	r.want(r.do("PATCH", settingsPath+"/98daa3ae-961d-4253-bf6a-322a32fdca3d", `{}`), 404)
}

const (
	referenceRouteConfig = `{"path":"/chat/completion","target_url":"https://api.openai.com/v1/chat/completions","model_location":"model",` +
		`"request_prompt_location":"messages.#.content","response_completion_location":"choices.#.message.content","stream_location":"stream",` +
		`"stream_end_word":"[DONE]","stream_response_completion_location":"choices.#.delta.content","stream_max_empty_messages":10}`
	referenceRouteConfigFields = "path target_url model_location request_prompt_location response_completion_location stream_location " +
		"stream_end_word stream_response_completion_location stream_max_empty_messages"
)

func referenceCustomProviders() []referenceRow {
	config := prefixed("route_configs[].", words(referenceRouteConfigFields))
	answer := fields("id string, created_at int, updated_at int, provider string, route_configs []object, authentication_param string")
	for _, name := range config[:8] {
		answer = append(answer, name+" string")
	}
	answer = append(answer, config[8]+" int")
	want := func(created, updated int, param string) string {
		return fmt.Sprintf(`{"created_at":%d,"updated_at":%d,"provider":"bricks","route_configs":[%s],"authentication_param":%q}`, created, updated, referenceRouteConfig, param)
	}
	made := func(r *reference) string { return r.want(r.custom("bricks", ""), 200).str("id") }
	return []referenceRow{
		{title: "Create custom provider", method: "POST", path: customProvidersPath, body: append(words("provider route_configs authentication_param"), config...), answer: answer,
			test: func(r *reference) {
				got := r.call("", "", `{"provider":"bricks","route_configs":[`+referenceRouteConfig+`],"authentication_param":"apikey"}`)
				r.shows(got.body, want(1772366400, 1772366400, "apikey"))
				r.want(r.do("POST", customProvidersPath, `{"provider":"bricks","route_configs":[`+referenceRouteConfig+`]}`), 409)
				r.want(r.do("POST", customProvidersPath, `{"provider":"b","route_configs":[`+referenceRouteConfig+`,`+referenceRouteConfig+`]}`), 400) // a path is unique
				r.want(r.do("POST", customProvidersPath, `{"provider":"b","route_configs":[{"path":"/x"}]}`), 400)                                     // all nine are required
			}},
		{title: "Update custom provider", method: "PATCH", path: customProvidersPath + "/{id}", body: append(words("route_configs authentication_param"), config...), answer: answer,
			test: func(r *reference) {
				id := made(r)
				r.advance(time.Minute)
				r.shows(r.call(id, "", `{"route_configs":[`+referenceRouteConfig+`],"authentication_param":"apikey"}`).body, want(1772366400, 1772366460, "apikey"))
				r.want(r.do("PATCH", customProvidersPath+"/98daa3ae-961d-4253-bf6a-322a32fdca3d", `{}`), 404)
			}},
		{title: "Get custom providers", method: "GET", path: customProvidersPath, answer: answer, test: func(r *reference) {
			r.same("none", len(r.call("", "", "").list()), 0)
			id := r.want(r.do("POST", customProvidersPath, `{"provider":"bricks","route_configs":[`+referenceRouteConfig+`],"authentication_param":"apikey"}`), 200).str("id")
			got := r.call("", "", "")
			r.same("one", ids(got.body, "id"), []string{id})
			r.shows(got.at(0), want(1772366400, 1772366400, "apikey"))
		}},
	}
}
