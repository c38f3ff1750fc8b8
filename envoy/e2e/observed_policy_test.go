package e2e

import (
	"slices"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestClientsUnderAPolicy: SDKs read answers that a policy looks at and puts values
// back into as they read any other, stream or not.
func TestClientsUnderAPolicy(t *testing.T) {
	e := newPolicyEnv(t, testenv.Options{})
	settings := []string{e.openAI, e.anthropic, e.azureSetting(modelMap, nil)}
	policy := e.policy(testenv.Object{
		"applyToResponse": true, "restoreInResponse": true,
		"config": testenv.Object{"rules": testenv.Object{"all": "allow_but_redact", "name": "allow", "address": "allow"}}, // the scenarios have a city
	})
	for _, o := range observers {
		t.Run(o.name, func(t *testing.T) {
			key := e.CreateKey(settings, testenv.Object{"policyId": policy})
			e.fake.Forbid(key.Secret)
			e.secrets, e.keys = append(e.secrets, key.Secret), append(e.keys, key)
			through := e.addresses()
			for _, name := range []string{"OPENAI_KEY", "AZURE_KEY", "ANTHROPIC_KEY"} {
				through[name] = key.Secret
			}
			names, got := o.observe(t, through)
			if len(names) < 5 || !slices.ContainsFunc(names, func(name string) bool { return name == "tool stream" }) {
				t.Errorf("observed %q only", names)
			}
			for _, name := range names {
				checkObservation(t, name, got[name])
			}
			e.AwaitEvents(key, len(names))
		})
	}
}
