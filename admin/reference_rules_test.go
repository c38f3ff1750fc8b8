package admin

import (
	"fmt"
	"time"
)

// referencePolicyTypes are the kinds of personal data that the reference lists.
const referencePolicyTypes = "address age all aws_access_key aws_secret_key bank_account_number bank_routing ca_health_number ca_social_insurance_number " +
	"credit_debit_cvv credit_debit_expiry credit_debit_number date_time driver_id email in_aadhaar in_nrega in_permanent_account_number in_voter_number " +
	"international_bank_account_number ip_address license_plate mac_address name passport_number password phone pin ssn swift_code uk_national_health_service_number " +
	"uk_national_insurance_number uk_unique_taxpayer_reference_number url us_individual_tax_identification_number username vehicle_identification_number"

const (
	referencePolicyConfig = `"config":{"rules":{"address":"block"}},"regexConfig":{"rules":[{"definition":"[2-9]|[12]\\d|3[0-6]","action":"block"}]}`
	referencePolicyFields = "id string, created_at int, updated_at int, tags []string, config object, config.rules object, regexConfig object, " +
		"regexConfig.rules []object, regexConfig.rules[].definition string, regexConfig.rules[].action string"
)

func referencePolicies() []referenceRow {
	body := words("name tags config config.rules regexConfig regexConfig.rules regexConfig.rules[].definition regexConfig.rules[].action")
	want := func(updated int) string {
		return fmt.Sprintf(`{"created_at":1772366400,"updated_at":%d,"name":"Pivacy Policy #1","tags":["orgId-1"],%s}`, updated, referencePolicyConfig)
	}
	whole := `{"name":"Pivacy Policy #1","tags":["orgId-1"],` + referencePolicyConfig + `}`
	return []referenceRow{
		{title: "Create a policy", method: "POST", path: policiesPath, body: body, answer: fields(referencePolicyFields), test: func(r *reference) {
			r.shows(r.call("", "", whole).body, want(1772366400))
			for _, name := range words(referencePolicyTypes) {
				for _, action := range words("block allow_but_redact allow") {
					got := r.call("", "", fmt.Sprintf(`{"tags":[],"config":{"rules":{%q:%q}}}`, name, action))
					r.same(name, got.at("config", "rules", name), action)
				}
			}
			r.want(r.do("POST", policiesPath, `{"name":"n"}`), 400) // tags are required
			r.want(r.do("POST", policiesPath, `{"tags":[],"config":{"rules":{"shoe_size":"block"}}}`), 400)
		}},
		{title: "Update a policy", method: "PATCH", path: policiesPath + "/{id}", body: body, answer: fields(referencePolicyFields), test: func(r *reference) {
			id := r.policy(`"old"`, "")
			r.advance(time.Minute)
			r.shows(r.call(id, "", whole).body, want(1772366460))
			r.shows(r.call(id, "", `{"name":"n"}`).body, `{"name":"n","tags":["orgId-1"],`+referencePolicyConfig+`}`)
			r.want(r.do("PATCH", policiesPath+"/98daa3ae-961d-4253-bf6a-322a32fdca3d", `{}`), 404)
		}},
		{title: "Get policies by tags", method: "GET", path: policiesPath, query: words("tags"), answer: fields(referencePolicyFields), test: func(r *reference) {
			id := r.want(r.do("POST", policiesPath, whole), 200).str("id")
			r.policy(`"other"`, "")
			got := r.call("", "?tags=orgId-1", "")
			r.same("by tag", ids(got.body, "id"), []string{id})
			r.shows(got.at(0), want(1772366400))
		}},
	}
}

const referenceRouteFields = "id string, createdAt int, updatedAt int, name string, path string, steps []object, keyIds []string, cacheConfig object, " +
	"steps[].provider string, steps[].model string, steps[].retries int, steps[].params object, steps[].timeout string, cacheConfig.enabled bool, cacheConfig.ttl string"

func referenceRoutes() []referenceRow {
	// referenceRoute makes the reference's route with a key that its steps can use.
	body := func(r *reference) string {
		openai := r.setting()
		azure := r.want(r.do("POST", settingsPath, `{"provider":"azure","setting":{"apiKey":"YOUR_AZURE_KEY","resourceName":"acme"}}`), 200).str("id")
		key := r.key(openai, "").str("keyId")
		r.want(r.do("PATCH", keysPath+"/"+key, fmt.Sprintf(`{"settingIds":[%q,%q]}`, openai, azure)), 200)
		return fmt.Sprintf(`{"name":"staging-openai-azure-completion-route","path":"/production/chat/completion","keyIds":[%q],"cacheConfig":{"enabled":false,"ttl":"5s"},`+
			`"steps":[{"retries":2,"provider":"openai","params":{},"model":"gpt-3.5-turbo","timeout":"1s"},`+
			`{"retries":0,"provider":"azure","params":{"deploymentId":"ada-test","apiVersion":"2022-12-01"},"model":"gpt-3.5-turbo","timeout":"5m"}]}`, key)
	}
	return []referenceRow{
		{title: "Create routes", method: "POST", path: failoverPath,
			body: words("name path steps keyIds cacheConfig steps[].provider steps[].model steps[].retries steps[].params steps[].params.deploymentId steps[].params.apiVersion " +
				"steps[].timeout cacheConfig.enabled cacheConfig.ttl"),
			answer: fields(referenceRouteFields), test: func(r *reference) {
				sent := body(r)
				got := r.call("", "", sent)
				r.shows(got.body, sent)
				r.shows(got.body, `{"createdAt":1772366400,"updatedAt":1772366400}`)
				r.want(r.do("POST", failoverPath, sent), 409) // the path is unique
				defaults := r.call("", "", `{"name":"n","path":"/","keyIds":[],"cacheConfig":{"enabled":false},"steps":[{"provider":"openai","model":"gpt-4o"}]}`)
				r.shows(defaults.body, `{"path":"/","cacheConfig":{"enabled":false,"ttl":"168h"},"steps":[{"provider":"openai","model":"gpt-4o","retries":0,"params":{},"timeout":"5m"}]}`)
				r.want(r.do("POST", failoverPath, `{"name":"n","path":"/x"}`), 400)
			}},
		{title: "Retrieve a route", method: "GET", path: failoverPath + "/{id}", answer: fields(referenceRouteFields), test: func(r *reference) {
			sent := body(r)
			r.shows(r.call(r.want(r.do("POST", failoverPath, sent), 200).str("id"), "", "").body, sent)
			r.want(r.do("GET", failoverPath+"/98daa3ae-961d-4253-bf6a-322a32fdca3d", ""), 404)
		}},
		{title: "Retrieve routes", method: "GET", path: failoverPath, answer: fields(referenceRouteFields), test: func(r *reference) {
			sent := body(r)
			id := r.want(r.do("POST", failoverPath, sent), 200).str("id")
			got := r.call("", "", "")
			r.same("all", ids(got.body, "id"), []string{id})
			r.shows(got.at(0), sent)
		}},
	}
}
