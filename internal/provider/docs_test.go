package provider_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/provider"
)

var update = flag.Bool("update", false, "write the tables of docs/providers.md anew")

const document = "../../docs/providers.md"

// TestTheDocumentHasTheTables: what stands between the marks of docs/providers.md
// is what the code has. -update writes it.
func TestTheDocumentHasTheTables(t *testing.T) {
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	want := string(b)
	for _, name := range provider.Names() {
		section := regexp.MustCompile(`(?s)(<!-- table: ` + name + ` -->\n).*?(<!-- end -->)`)
		if !section.MatchString(want) {
			t.Fatalf("%s has no marks for %s", document, name)
		}
		p, _ := provider.Get(name)
		table := ordinaryTable(p)
		if name == "azure" {
			table = azureTable(p)
		}
		want = section.ReplaceAllStringFunc(want, func(string) string {
			return "<!-- table: " + name + " -->\n" + table + "<!-- end -->"
		})
	}
	for _, x := range excluded {
		if !strings.Contains(want, "`"+x+"`") {
			t.Errorf("%s does not say why %s is not served", document, x)
		}
	}
	if want == string(b) {
		return
	}
	if !*update {
		t.Fatalf("%s is stale; run with -update and read the diff", document)
	}
	if err := os.WriteFile(document, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ordinaryTable(p *provider.Provider) string {
	var b strings.Builder
	b.WriteString("| Call | Operation | Body | Billed by |\n|---|---|---|---|\n")
	for _, e := range p.Endpoints {
		call := "`" + e.Method + " " + e.Path + "`"
		if e.Upstream != "" || e.UpstreamMethod != "" {
			method, path := e.Method, e.Path
			if e.UpstreamMethod != "" {
				method = e.UpstreamMethod
			}
			if e.Upstream != "" {
				path = e.Upstream
			}
			call += " → `" + method + " " + path + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", call, e.Operation, bodyName(e), meterName(e))
	}
	return b.String()
}

// azureTable has a line for each of OpenAI's calls, and the forms that Azure has
// it in.
func azureTable(p *provider.Provider) string {
	forms := []string{"/openai/deployments/{deployment}", "/openai/v1", "/openai"}
	type line struct {
		call  string
		forms []string
	}
	var lines []*line
	for _, e := range p.Endpoints {
		i := slices.IndexFunc(forms, func(f string) bool { return strings.HasPrefix(e.Path, f+"/") })
		call := e.Method + " …" + strings.TrimPrefix(e.Path, forms[i])
		at := slices.IndexFunc(lines, func(l *line) bool { return l.call == call })
		if at < 0 {
			lines = append(lines, &line{call: call, forms: make([]string, len(forms))})
			at = len(lines) - 1
		}
		lines[at].forms[i] = "yes"
	}
	var b strings.Builder
	b.WriteString("| Call | `/openai/deployments/{deployment}…` | `/openai/v1…` | `/openai…` |\n|---|---|---|---|\n")
	for _, l := range lines {
		fmt.Fprintf(&b, "| `%s` | %s |\n", l.call, strings.Join(l.forms, " | "))
	}
	return b.String()
}

func bodyName(e provider.Endpoint) string {
	return map[provider.BodyMode]string{
		provider.NoBody: "", provider.JSONBody: "JSON", provider.OptionalJSON: "JSON or none", provider.MultipartBody: "form",
		provider.JSONOrMultipart: "JSON or form", provider.StreamedBody: "any, unread",
	}[e.Body]
}

func meterName(e provider.Endpoint) string {
	name := map[provider.Meter]string{
		provider.MeterNone: "", provider.MeterOpenAI: "tokens", provider.MeterAnthropic: "tokens", provider.MeterResponses: "tokens",
		provider.MeterComplete: "tokens, estimated", provider.MeterRun: "tokens, when it streams", provider.MeterImages: "tokens or images",
		provider.MeterSpeech: "characters or tokens", provider.MeterTranscription: "seconds or tokens",
	}[e.Meter]
	if e.Unbounded {
		name = strings.TrimPrefix(name+"; not boundable", "; ")
	}
	return name
}
