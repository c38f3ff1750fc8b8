package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	bareName    = "bare Envoy"
	noopName    = "no-op ext_proc"
	gatewayName = "gateway"
	limitsName  = "gateway, all limits" // the same process, by a key with every limit
	policyName  = "gateway, policy"     // that redacts every type in what is asked
	answersName = "gateway, policy both ways"
	routeName   = "gateway, route"       // of one step
	keptName    = "gateway, kept answer" // of a route: nobody is called
	// With a redis-server on the PATH, the same limits are counted there too.
	redisName = "gateway, all limits in Redis"
	// With a PostgreSQL to use, the gateway is measured on that too.
	postgresName     = "gateway, PostgreSQL"
	postgresVariable = "BRICKS_TEST_POSTGRES"
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
	gateways, err := startGateway(ctx, gatewayName, envoy, bricks, filepath.Join(dir, "data"), upstream, nil)
	if err != nil {
		return nil, err
	}
	routes, err := makeRoutes(ctx, gateways[0])
	if err != nil {
		return nil, err
	}
	guarded, err := makePolicies(ctx, gateways[0])
	if err != nil {
		return nil, err
	}
	targets := slices.Concat([]target{bare, filtered}, gateways, guarded, routes)
	if address, err := startRedis(ctx, dir); err != nil {
		return nil, err
	} else if address != "" {
		onRedis, err := startGateway(ctx, gatewayName, envoy, bricks, filepath.Join(dir, "data-redis"), upstream,
			[]string{"REDIS_URL=redis://" + address, "REDIS_CALL_TIME_OUT=1s"})
		if err != nil {
			return nil, err
		}
		onRedis[1].name = redisName
		targets = append(targets, onRedis[1])
	}
	if raw := os.Getenv(postgresVariable); raw != "" {
		variables, err := postgresVariables(raw)
		if err != nil {
			return nil, err
		}
		onPostgres, err := startGateway(ctx, postgresName, envoy, bricks, filepath.Join(dir, "data-postgres"), upstream, variables)
		if err != nil {
			return nil, err
		}
		targets = append(targets, onPostgres[0])
	}
	return targets, nil
}

// startRedis runs a redis-server that ends with this program, and returns its
// address: empty when there is none to run.
func startRedis(ctx context.Context, dir string) (address string, err error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", nil
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	if _, err = start(ctx, path, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", dir, "--loglevel", "warning"); err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", port), waitPort(ctx, port)
}

// postgresVariables turns a postgres:// URL into the gateway's own variables.
func postgresVariables(raw string) ([]string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", postgresVariable, err)
	}
	password, _ := u.User.Password()
	secret := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("p"), 32))
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("e"), 32))
	return []string{
		"POSTGRESQL_HOSTS=" + u.Hostname(), "POSTGRESQL_PORT=" + u.Port(), "POSTGRESQL_USERNAME=" + u.User.Username(),
		"POSTGRESQL_PASSWORD=" + password, "POSTGRESQL_DB_NAME=" + strings.TrimPrefix(u.Path, "/"),
		"BRICKS_PEPPER=" + secret, "BRICKS_ENCRYPTION_KEY=" + other,
	}, nil
}

// allLimits are more than any run uses up.
var allLimits = map[string]any{
	"costLimitInUsd": 1_000_000, "costLimitInUsdOverTime": 100_000, "costLimitInUsdUnit": "d",
	"rateLimitOverTime": 100_000_000, "rateLimitUnit": "h", "maxParallelRequests": 10_000,
}

// startGateway runs `bricks up` and makes a setting in it, and a key without
// limits and one with all.
func startGateway(ctx context.Context, name, envoy, bricks, dataDir string, upstream int, variables []string) ([]target, error) {
	t, err := startProcess(ctx, name, envoy, bricks, dataDir, upstream, variables)
	if err != nil {
		return nil, err
	}
	var setting struct{ ID string }
	if err := call(ctx, http.MethodPost, t.admin+"/api/provider-settings", map[string]any{
		"provider": "openai", "setting": map[string]string{"apikey": "sk-bench", "url": fmt.Sprintf("http://127.0.0.1:%d", upstream)},
	}, &setting); err != nil {
		return nil, err
	}
	t.settingID = setting.ID
	plain, err := makeKey(ctx, t, name, nil)
	if err != nil {
		return nil, err
	}
	limited, err := makeKey(ctx, t, limitsName, allLimits)
	return []target{plain, limited}, err
}

// makePolicies makes keys for the setting of t: under a policy that redacts what
// is asked, and under one that looks at answers, too.
func makePolicies(ctx context.Context, t target) ([]target, error) {
	var targets []target
	for name, answers := range map[string]bool{policyName: false, answersName: true} {
		var policy struct{ ID string }
		if err := call(ctx, http.MethodPost, t.admin+"/api/policies", map[string]any{
			"name": name, "tags": []string{"bench"}, "applyToResponse": answers, "config": map[string]any{"rules": map[string]string{"all": "allow_but_redact"}},
		}, &policy); err != nil {
			return nil, err
		}
		guarded, err := makeKey(ctx, t, name, map[string]any{"policyId": policy.ID})
		if err != nil {
			return nil, err
		}
		targets = append(targets, guarded)
	}
	slices.SortFunc(targets, func(a, b target) int { return strings.Compare(a.name, b.name) })
	return targets, nil
}

// makeKey is t by another key, with more members.
func makeKey(ctx context.Context, t target, name string, more map[string]any) (target, error) {
	body := map[string]any{"name": "bench", "settingIds": []string{t.settingID}}
	maps.Copy(body, more)
	var key struct{ Key, KeyID string }
	if err := call(ctx, http.MethodPut, t.admin+"/api/key-management/keys", body, &key); err != nil {
		return t, err
	}
	t.name, t.keyID, t.header = name, key.KeyID, jsonHeader("Authorization: Bearer "+key.Key)
	return t, nil
}

// makeRoutes makes routes for the key of t: one that calls the provider, and one
// that keeps its answers.
func makeRoutes(ctx context.Context, t target) ([]target, error) {
	var targets []target
	for name, kept := range map[string]bool{routeName: false, keptName: true} {
		path := fmt.Sprintf("/bench/%t", kept)
		var made struct{ ID string }
		if err := call(ctx, http.MethodPost, t.admin+"/api/routes", map[string]any{
			"name": name, "path": path, "keyIds": []string{t.keyID}, "cacheConfig": map[string]any{"enabled": kept},
			"steps": []map[string]any{{"provider": "openai", "model": "gpt-4o"}},
		}, &made); err != nil {
			return nil, err
		}
		routed := t
		routed.name = name
		routed.url = strings.Replace(t.url, "/api/providers/openai/v1/chat/completions", "/api/route"+path, 1)
		targets = append(targets, routed)
	}
	slices.SortFunc(targets, func(a, b target) int { return strings.Compare(b.name, a.name) })
	return targets, nil
}

// startProcess runs `bricks up` and returns it without a key.
func startProcess(ctx context.Context, name, envoy, bricks, dataDir string, upstream int, variables []string) (target, error) {
	t := target{name: name}
	cmd := exec.CommandContext(ctx, bricks, "up", "--data-dir", dataDir, "--envoy-path", envoy, "--log-level", "error",
		"--admin-address", "127.0.0.1:0", "--proxy-address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0",
		"--allow-upstream", fmt.Sprintf("127.0.0.1:%d", upstream))
	cmd.Env = append(os.Environ(), variables...)
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
	t.admin = "http://" + ready.Admin
	t.url = "http://" + ready.Proxy + "/api/providers/openai/v1/chat/completions"
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
