package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/bricks-gateway/bricks/internal/adminclient"
	"github.com/bricks-gateway/bricks/internal/fakeprovider"
)

// upFlags are those of bricks up.
type upFlags struct {
	Demo bool `help:"Try it without an account: a provider that only echoes, sample keys and calls, on this machine only; nothing is kept."`
}

// demo is what a gateway has that only shows what it does.
type demo struct {
	provider   *fakeprovider.Provider
	credential string
	api        *adminclient.ClientWithResponses
	welcome    string // what to try
}

// runDemo runs everything with a provider inside of the process, in a directory
// that is removed at the end. The real data directory is not touched.
func runDemo(ctx context.Context, c config, logger *slog.Logger, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "bricks-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a directory of our own under the temporary one
	d := &demo{credential: "sk-demo-" + rand.Text()}
	if d.provider, err = fakeprovider.Start(fakeprovider.Options{OpenAIKeys: []string{d.credential}, Unrecorded: true}); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer d.provider.Close() //nolint:errcheck // there is nothing to lose
	if c, err = c.forDemo(dir, d.provider.Address()); err != nil {
		return err
	}
	if c.LogLevel == defaults().LogLevel { // the text below is what a newcomer is to see
		logger = slog.New(slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	s := newSystem(c, "", true, logger)
	s.demo = d
	return s.run(ctx, stdout, stderr, append(s.parts(), s.fillDemo)...)
}

// forDemo takes of the configuration where to listen, how to find Envoy and what
// to log, and nothing that could reach data, keys or a database of others.
func (c config) forDemo(dir, provider string) (config, error) {
	d := defaults()
	d.AdminAddress, d.ProxyAddress, d.MetricsAddress, d.EnvoyAdminAddress = c.AdminAddress, c.ProxyAddress, c.MetricsAddress, c.EnvoyAdminAddress
	d.EnvoyPath, d.EnvoyConcurrency, d.LogLevel = c.EnvoyPath, c.EnvoyConcurrency, c.LogLevel
	d.DataDir, d.AllowUpstream = dir, []string{provider}
	var faults []error
	for flag, address := range map[string]string{"--admin-address": d.AdminAddress, "--proxy-address": d.ProxyAddress, "--metrics-address": d.MetricsAddress} {
		if a, err := listenAddress(address); err != nil || !a.Addr().IsLoopback() {
			faults = append(faults, fmt.Errorf("%s: a demo listens on a loopback address only", flag))
		}
	}
	return d, errors.Join(append(faults, d.Validate())...)
}

// sample is what the demo's texts are about.
type sample struct {
	Proxy, Admin, Metrics string
	Team, Slow, Spent     demoKey
}

// demoKey is one key of the demo.
type demoKey struct{ KeyID, Key string }

// fillDemo makes what a newcomer is to see, and calls the provider through Envoy
// so that there is something to report.
func (s *system) fillDemo(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c := defaults()
	c.AdminURL = url(s.adminAddress, "")
	if s.demo.api, err = newAdminClient(c); err != nil {
		return err
	}
	made := sample{Proxy: url(s.proxyAddress, ""), Admin: c.AdminURL, Metrics: url(s.metricsAddress, "")}
	if err := s.demo.make(ctx, &made); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := s.demo.call(ctx, made); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := s.spool.Flush(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	s.demo.welcome, err = demoText(made)
	return err
}

// object is one of the API's, as JSON.
type object map[string]any

func (o object) reader() io.Reader {
	b, _ := json.Marshal(o) // text, numbers and lists of text always encode
	return bytes.NewReader(b)
}

// make makes the objects through the admin API.
func (d *demo) make(ctx context.Context, out *sample) error {
	const media = "application/json"
	setting, _, err := adminclient.Answer(d.api.CreateProviderSettingWithBodyWithResponse(ctx, media, object{
		"name": "the demo's provider", "provider": "openai", "setting": object{"apikey": d.credential, "url": d.provider.URL()},
	}.reader()))
	if err != nil {
		return err
	}
	policy, _, err := adminclient.Answer(d.api.CreatePolicyWithBodyWithResponse(ctx, media, object{
		"name": "redact all, block cards", "tags": []string{"demo"},
		"config": object{"rules": object{"all": "allow_but_redact", "credit_debit_number": "block"}},
	}.reader()))
	if err != nil {
		return err
	}
	for _, k := range []struct {
		into *demoKey
		body object
	}{
		{&out.Team, object{"name": "team", "tags": []string{"demo"}, "policyId": policy.Id, "costLimitInUsdOverTime": 5, "costLimitInUsdUnit": "mo"}},
		{&out.Slow, object{"name": "two a minute", "rateLimitOverTime": 2, "rateLimitUnit": "m"}},
		{&out.Spent, object{"name": "one cent", "costLimitInUsd": 0.01}},
	} {
		k.body["settingIds"] = []string{setting.Id}
		key, _, err := adminclient.Answer(d.api.CreateKeyWithBodyWithResponse(ctx, media, k.body.reader()))
		if err != nil {
			return err
		}
		*k.into = demoKey{key.KeyId, *key.Key}
	}
	for _, name := range []string{"ann", "ben"} {
		user := object{"name": name, "userId": name, "tags": []string{"demo"}, "costLimitInUsd": 1}
		if _, _, err := adminclient.Answer(d.api.CreateUserWithBodyWithResponse(ctx, nil, media, user.reader())); err != nil {
			return err
		}
	}
	return nil
}

// call sends what reports are to show: two users, two models, personal data, and
// so much that the third key's money is used up.
func (d *demo) call(ctx context.Context, to sample) error {
	for i, text := range []string{"Hello", "What is an LLM gateway?", "Write to anna@example.com", "Tell me a joke", "Call me at +1 415 555 0132", "Thanks"} {
		model, user := []string{"gpt-4o-mini", "gpt-4o"}[i%2], []string{"ann", "ben"}[i%2]
		status, err := d.chat(ctx, to.Proxy, to.Team.Key, model, text, http.Header{"X-User-Id": {user}})
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("a sample call is answered with status %d", status)
		}
	}
	return d.spend(ctx, to.Proxy, to.Spent)
}

// spend calls until the key has no money for a short question.
func (d *demo) spend(ctx context.Context, proxy string, key demoKey) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for idle := false; ; {
		status, err := d.chat(ctx, proxy, key.Key, "gpt-4o", "Hi", http.Header{"X-Fake-Words": {"300"}})
		switch {
		case err != nil:
			return err
		case status == http.StatusTooManyRequests && idle:
			return nil
		case status != http.StatusOK && status != http.StatusTooManyRequests:
			return fmt.Errorf("a sample call is answered with status %d", status)
		}
		// A call before may have been refused for what one before it still held.
		standing, _, err := adminclient.Answer(d.api.GetKeyStandingWithResponse(ctx, key.KeyID))
		if err != nil {
			return err
		}
		if idle = standing.RunningRequests == 0; idle {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (d *demo) chat(ctx context.Context, proxy, key, model, text string, header http.Header) (status int, err error) {
	body, err := json.Marshal(map[string]any{"model": model, "messages": []map[string]string{{"role": "user", "content": text}}})
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, proxy+"/api/providers/openai/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}
