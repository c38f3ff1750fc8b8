package admin

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDocsInABrowser opens the page as a browser does, under its own security
// policy, and looks at what its script has made of it.
func TestDocsInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector has nothing to find in a browser")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	shown := func(f *fixture) string {
		t.Helper()
		// A browser waits for no more than the page's own requests, on a clock of its own.
		out, err := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			"--user-data-dir="+t.TempDir(), "--virtual-time-budget=10000", "--dump-dom", f.server.URL+docsPath).Output()
		if err != nil {
			t.Fatalf("%s: %v", browser, err)
		}
		return string(out)
	}

	open := newFixture(t, func(o *Options) { o.AdminKeys, o.Loopback = nil, true })
	page := shown(open)
	for _, r := range open.shown.routes {
		// Each operation with its method, its path and its answers.
		if row := `<span class="method">` + r.method + `</span><code>` + strings.Replace(r.path, "...}", "}", 1) + `</code>`; !strings.Contains(page, row) {
			t.Errorf("%s %s is not shown", r.method, r.path)
		}
	}
	for _, text := range []string{`<details id="type-KeyCreate">`, `<code>costLimitInUsd</code>`, `<code>/errors/unauthorized</code>`, `<p id="note" role="status" class=""></p>`} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %s", text)
		}
	}

	page = shown(newFixture(t)) // which needs a key
	if !strings.Contains(page, "The document is for holders of an admin key.") || !strings.Contains(page, `<form id="ask">`) || strings.Contains(page, "<details") {
		t.Errorf("without a key the page is %s", page[strings.Index(page, "<body>"):])
	}
}
