package envoy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// AdminAddress is host:port of the running Envoy's admin interface. It changes
// when Envoy is started again with port 0. An error means that Envoy has not
// come up (yet).
func (s *Supervisor) AdminAddress() (string, error) {
	text, err := os.ReadFile(s.adminPath)
	if err != nil {
		return "", fmt.Errorf("envoy admin address: %w", err)
	}
	address := strings.TrimSpace(string(text))
	if address == "" {
		return "", errors.New("envoy admin address: not written yet")
	}
	return address, nil
}

// Drain lets requests in flight end: Envoy fails its health check, tells its
// clients to close their connections, and after a second closes its listeners.
// Drain returns nil once no request is active, or ctx's error when that takes
// too long. From its call on Envoy is not started again.
func (s *Supervisor) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	pid := s.pid
	s.mu.Unlock()
	if pid == 0 {
		return nil
	}
	for _, path := range []string{"/healthcheck/fail", "/drain_listeners?graceful&skip_exit"} {
		if _, err := s.admin(ctx, http.MethodPost, path); err != nil {
			return fmt.Errorf("drain envoy: %w", err)
		}
	}
	timer := time.NewTimer(drainPeriod)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("drain envoy: %w", ctx.Err())
		case <-timer.C:
		}
		active, err := s.activeRequests(ctx)
		if err != nil {
			return fmt.Errorf("drain envoy: %w", err)
		}
		if active == 0 {
			return nil
		}
		timer.Reset(50 * time.Millisecond)
	}
}

// activeRequests counts downstream requests in flight, the admin interface's
// own left out.
func (s *Supervisor) activeRequests(ctx context.Context) (int, error) {
	text, err := s.admin(ctx, http.MethodGet, "/stats?filter=downstream_rq_active$")
	if err != nil {
		return 0, err
	}
	total := 0
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), ": ")
		if !ok || !strings.HasPrefix(name, "http.") || strings.HasPrefix(name, "http.admin.") {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return 0, fmt.Errorf("read envoy statistic %s: %w", name, err)
		}
		total += n
	}
	return total, nil
}

// admin sends one request to Envoy's admin interface and returns the body of a
// 200.
func (s *Supervisor) admin(ctx context.Context, method, path string) (string, error) {
	address, err := s.AdminAddress()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, nil)
	if err != nil {
		return "", fmt.Errorf("envoy admin: %w", err)
	}
	req.Close = true // no idle connection may outlive a drained Envoy
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("envoy admin: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("envoy admin: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("envoy admin: %s %s answered %d", method, path, resp.StatusCode)
	}
	return string(body), nil
}
