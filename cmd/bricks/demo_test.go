package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheDemoDoesWhatItSays runs every command that the demo prints, and looks
// for what it says about it.
func TestTheDemoDoesWhatItSays(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s to test with", tool)
		}
	}
	temp, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	t.Setenv("TMPDIR", temp)
	g := startGatewayIn(t, []string{"ADMIN_PASS=" + strings.Repeat("x", 40), "POSTGRESQL_HOSTS=127.0.0.1:1", "POSTGRESQL_USERNAME=nobody"},
		"up", data, "--demo", "--envoy-path", testEnvoy(t))
	text := g.stderr.String()
	steps := regexp.MustCompile(`(?m)^   ((?:curl|for) (?:.*\\\n)*.*)\n   > (.*)$`).FindAllStringSubmatch(text, -1)
	if promises := strings.Count(text, "\n   > "); len(steps) != promises || promises < 10 {
		t.Fatalf("%d commands for %d promises:\n%s", len(steps), promises, text)
	}
	for _, step := range steps {
		out, err := exec.CommandContext(t.Context(), "bash", "-c", step[1]).CombinedOutput()
		if err != nil || !strings.Contains(string(out), step[2]) {
			t.Errorf("%s\nprints %s(%v), want %s", step[1], out, err, step[2])
		}
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v behind (%v)", left, err)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the demo made the data directory")
	}
}

func TestADemoIsForThisMachineOnly(t *testing.T) {
	for _, flag := range []string{"--admin-address", "--proxy-address", "--metrics-address"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := run(ctx, []string{"up", "--demo", flag + "=0.0.0.0:0"}, []string{"ADMIN_PASS=" + strings.Repeat("x", 40)}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), flag+": a demo listens") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
