package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const (
	bareName    = "bare Envoy"
	noopName    = "no-op ext_proc"
	gatewayName = "gateway"
)

// setUp starts the provider and the three set-ups.
func setUp(ctx context.Context, envoy, bricks, dir string) ([]target, error) {
	upstream, err := serveUpstream()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	noopPID, err := start(ctx, self, "-noop", filepath.Join(dir, "noop.sock"))
	if err != nil {
		return nil, err
	}
	bare := target{name: bareName, header: jsonHeader()}
	if bare.url, bare.envoy, err = startEnvoy(ctx, envoy, dir, false, upstream); err != nil {
		return nil, err
	}
	bare.url += "/v1/chat/completions"
	filtered := target{name: noopName, header: jsonHeader(), processor: noopPID}
	if filtered.url, filtered.envoy, err = startEnvoy(ctx, envoy, dir, true, upstream); err != nil {
		return nil, err
	}
	filtered.url += "/v1/chat/completions"
	gateway, err := startGateway(ctx, envoy, bricks, filepath.Join(dir, "data"), upstream)
	if err != nil {
		return nil, err
	}
	return []target{bare, filtered, gateway}, nil
}

// startGateway runs `bricks up` and makes a setting and a key in it.
func startGateway(ctx context.Context, envoy, bricks, dataDir string, upstream int) (target, error) {
	t := target{name: gatewayName}
	cmd := exec.CommandContext(ctx, bricks, "up", "--data-dir", dataDir, "--envoy-path", envoy, "--log-level", "error",
		"--admin-address", "127.0.0.1:0", "--proxy-address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0",
		"--allow-upstream", fmt.Sprintf("127.0.0.1:%d", upstream))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return t, err
	}
	if err := cmd.Start(); err != nil {
		return t, fmt.Errorf("start %s: %w", bricks, err)
	}
	lines := bufio.NewScanner(stdout)
	var ready struct{ Event, Admin, Proxy string }
	for lines.Scan() {
		if json.Unmarshal(lines.Bytes(), &ready) == nil && ready.Event == "ready" {
			break
		}
	}
	if ready.Event != "ready" {
		return t, fmt.Errorf("%s ended before it was ready", bricks)
	}
	go func() {
		for lines.Scan() { // keep the pipe empty
		}
		_ = cmd.Wait()
	}()
	t.processor = cmd.Process.Pid
	if t.envoy, err = childOf(t.processor, "envoy"); err != nil {
		return t, err
	}
	var setting struct{ ID string }
	admin := "http://" + ready.Admin
	if err := call(ctx, http.MethodPost, admin+"/api/provider-settings", map[string]any{
		"provider": "openai", "setting": map[string]string{"apikey": "sk-bench", "url": fmt.Sprintf("http://127.0.0.1:%d", upstream)},
	}, &setting); err != nil {
		return t, err
	}
	var key struct{ Key string }
	if err := call(ctx, http.MethodPut, admin+"/api/key-management/keys", map[string]any{"name": "bench", "settingIds": []string{setting.ID}}, &key); err != nil {
		return t, err
	}
	t.url = "http://" + ready.Proxy + "/api/providers/openai/v1/chat/completions"
	t.header = jsonHeader("Authorization: Bearer " + key.Key)
	return t, nil
}

func call(ctx context.Context, method, url string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
