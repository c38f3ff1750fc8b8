package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/cli"
)

// TestKeysCommands is what keys can do beside the life of every object.
func TestKeysCommands(t *testing.T) {
	m := startManaged(t)
	setting := member(t, m.must("settings", "create", "--provider=openai", "--credential-variable=THE_CREDENTIAL", "-o", "json").stdout, "id")
	m.must("users", "create", "--name=Bob", "--user-id=bob", "--cost-limit=3")
	made := m.must("keys", "create", "--name=first", "--tag=a", "--setting="+setting, "--cost-limit=3", "--rate-limit=9/m")
	secret := lineOf(made.stdout, "secret")
	if !strings.HasPrefix(secret, "bk-") || !strings.Contains(made.stderr, "not shown again") {
		t.Errorf("create shows %q and says %q", secret, made.stderr)
	}
	id := lineOf(made.stdout, "id")
	if r := m.must("keys", "get", id); strings.Contains(r.stdout+r.stderr, "secret") {
		t.Errorf("get: %s%s", r.stdout, r.stderr)
	}

	rotated := m.must("keys", "rotate", id, "--grace-period=2h")
	if s := lineOf(rotated.stdout, "secret"); !strings.HasPrefix(s, "bk-") || s == secret || lineOf(rotated.stdout, "old secret until") == "" {
		t.Errorf("rotate:\n%s", rotated.stdout)
	}
	if out := m.must("keys", "revoke", id, "--reason=lost").stdout; lineOf(out, "state") != "revoked" || lineOf(out, "revoked for") != "lost" {
		t.Errorf("revoke:\n%s", out)
	}
	if out := m.must("keys", "list", "--revoked").stdout; !strings.Contains(out, id) {
		t.Errorf("list --revoked:\n%s", out)
	}
	if out := m.must("keys", "list", "--no-revoked").stdout; strings.Contains(out, id) {
		t.Errorf("list --no-revoked:\n%s", out)
	}
	if out := m.must("keys", "update", id, "--no-revoked").stdout; lineOf(out, "state") != "active" {
		t.Errorf("update --no-revoked:\n%s", out)
	}
	out := m.must("keys", "standing", id).stdout
	if lineOf(out, "spent") != "$0" || lineOf(out, "cost limit") != "$3 left of $3" || lineOf(out, "rate limit") != "9 left of 9/m" {
		t.Errorf("standing:\n%s", out)
	}
	user := lineOf(m.must("users", "create", "--name=Cid", "--cost-limit=4").stdout, "id")
	if out := m.must("users", "standing", user).stdout; lineOf(out, "cost limit") != "$4 left of $4" {
		t.Errorf("standing of a user:\n%s", out)
	}

	m.must("keys", "create", "--name=second", "--tag=b", "--setting="+setting)
	m.must("keys", "create", "--name=third", "--tag=b", "--setting="+setting)
	if r := m.must("keys", "list", "--limit=2"); strings.Count(r.stdout, "\n") != 3 || !strings.Contains(r.stderr, "--all") {
		t.Errorf("list --limit=2: %s%s", r.stdout, r.stderr)
	}
	for _, l := range []struct {
		args []string
		want []string
	}{
		{[]string{"keys", "list", "--tag=b"}, []string{"third", "second"}},
		{[]string{"keys", "list", "--name=irs"}, []string{"first"}},
		{[]string{"keys", "list", "--limit=1"}, []string{"third"}},
		{[]string{"users", "list", "--user-id=bob"}, []string{"Bob"}},
	} {
		if got := names(t, m.must(append(l.args, "-o", "json")...).stdout); strings.Join(got, " ") != strings.Join(l.want, " ") {
			t.Errorf("bricks %s: %s, want %s", strings.Join(l.args, " "), got, l.want)
		}
	}
}

// TestPricingCommands sets a price of one's own and reads it back.
func TestPricingCommands(t *testing.T) {
	m := startManaged(t)
	setting := member(t, m.must("settings", "create", "--provider=openai", "--credential-variable=THE_CREDENTIAL", "-o", "json").stdout, "id")
	out := m.must("pricing", "get", "gpt-4o", "--at=2026-05-01T00:00:00Z").stdout
	if lineOf(out, "input/m") != "$2.5" || lineOf(out, "output/m") != "$10" || lineOf(out, "source") != "embedded" {
		t.Errorf("get:\n%s", out)
	}
	set := m.must("pricing", "set", "my/model", "--price=input_cost_per_token=0.000000001", "--price=output_cost_per_token=0.00000123", "--setting="+setting, "--from=1767225600", "-o", "json").stdout
	holds(t, set, `{"model":"my/model","settingId":"`+setting+`","effectiveFrom":1767225600,"prices":{"input_cost_per_token":0.000000001,"output_cost_per_token":0.00000123}}`)
	id := member(t, set, "id")
	out = m.must("pricing", "overrides", "list", "--model=my/model").stdout
	if want := id + " my/model " + setting + " "; !strings.Contains(words(out), want) || !strings.Contains(words(out), " $0.001 $1.23") {
		t.Errorf("overrides list:\n%s\nwant %s … $0.001 $1.23", out, want)
	}
	if got, want := m.must("pricing", "overrides", "get", id, "-o", "json").stdout, m.ask("/api/pricing/overrides/"+id); got != want {
		t.Errorf("overrides get: %s, want %s", got, want)
	}
	if out := m.must("pricing", "get", "my/model", "--setting="+setting).stdout; lineOf(out, "override") != id || lineOf(out, "in force") != "" {
		t.Errorf("get:\n%s", out)
	}
	m.must("pricing", "overrides", "delete", id, "--yes")
	if r := m.run("pricing", "get", "my/model", "--setting="+setting); cli.ExitCode(r.err) != cli.ExitNotFound {
		t.Errorf("get after delete: %v", r.err)
	}
	if out := m.must("pricing", "list", "--model=gpt-4o-mini", "--provider=openai", "--all").stdout; !strings.Contains(words(out), "\ngpt-4o-mini openai embedded $0.15 $0.6 16384\n") {
		t.Errorf("list:\n%s", out)
	}
	if out := m.must("pricing", "policy").stdout; lineOf(out, "without a price") != "deny" {
		t.Errorf("policy:\n%s", out)
	}
	holds(t, m.must("pricing", "policy", "allow", "-o", "json").stdout, `{"unknownPricePolicy":"allow","source":"stored"}`)
	holds(t, m.ask("/api/pricing/policy"), `{"unknownPricePolicy":"allow","source":"stored"}`)
}

// TestAdminKeyAndAuditCommands makes an admin key, works with it, takes it away, and
// finds all that in the audit log.
func TestAdminKeyAndAuditCommands(t *testing.T) {
	m := startManaged(t)
	made := m.must("admin-keys", "create", "--name=ann", "--role=admin", "--tag=t")
	secret, id := lineOf(made.stdout, "secret"), lineOf(made.stdout, "id")
	if secret == "" || !strings.Contains(made.stderr, "not shown again") {
		t.Fatalf("create: %s%s", made.stdout, made.stderr)
	}
	if out := m.must("admin-keys", "list").stdout; !strings.Contains(words(out), id+" ann admin t ") || strings.Contains(out, secret) {
		t.Errorf("list:\n%s", out)
	}
	if got, want := m.must("admin-keys", "get", id, "-o", "json").stdout, m.ask("/api/admin-keys/"+id); got != want {
		t.Errorf("get: %s, want %s", got, want)
	}
	user := lineOf(m.must("users", "create", "--name=hers", "--tag=t", "--admin-key="+secret).stdout, "id")
	if r := m.run("users", "create", "--name=not hers", "--tag=u", "--admin-key="+secret); cli.ExitCode(r.err) != cli.ExitRefused {
		t.Errorf("outside of its tags: %v", r.err)
	}
	m.must("admin-keys", "delete", id, "--yes")
	if r := m.run("users", "list", "--admin-key="+secret); cli.ExitCode(r.err) != cli.ExitForbidden {
		t.Errorf("a deleted admin key: %v", r.err)
	}

	out := words(m.must("audit", "list").stdout)
	for i, want := range []string{"NUMBER WHEN WHO FROM OPERATION OBJECT", "deleteAdminKey " + id, "createUser " + user, "createAdminKey " + id} {
		if line := strings.Split(out, "\n")[i]; !strings.HasSuffix(line, want) {
			t.Errorf("line %d of the audit log: %q, want %q", i, line, want)
		}
	}
	if got, want := m.must("audit", "list", "--object="+user, "-o", "json").stdout, m.ask("/api/audit?objectId="+user); `{"entries":`+strings.TrimSpace(got)+"}" != strings.TrimSpace(want) {
		t.Errorf("list -o json: %s, the API: %s", got, want)
	}
	if got := m.must("audit", "list", "--limit=2").stderr; !strings.Contains(got, "first 2") {
		t.Errorf("list --limit=2 says %q", got)
	}
}

// TestTheDocumentedCommandsParse reads every command of docs/cli.md as the program
// does.
func TestTheDocumentedCommandsParse(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, match := range regexp.MustCompile("(?m)(?:^|`|\\()bricks ([^`|>)\n]+)").FindAllStringSubmatch(string(text), -1) {
		args := strings.Fields(strings.ReplaceAll(match[1], `"Team A"`, "Team"))
		if strings.Contains(match[1], "…") || len(args) < 2 || strings.ToUpper(args[0]) == args[0] {
			continue // bricks keys, bricks GROUP COMMAND: no commands
		}
		found++
		if _, _, err := parse(args, nil, io.Discard, io.Discard); err != nil && !errors.Is(err, errHelp) {
			t.Errorf("bricks %s: %v", match[1], err)
		}
	}
	if found < 15 {
		t.Errorf("%d commands were found", found)
	}
}

// lineOf is what stands behind a name where one object is shown.
func lineOf(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func names(t *testing.T, list string) (all []string) {
	t.Helper()
	var objects []struct{ Name string }
	if err := json.Unmarshal([]byte(list), &objects); err != nil {
		t.Fatalf("%v: %s", err, list)
	}
	for _, o := range objects {
		all = append(all, o.Name)
	}
	return all
}
