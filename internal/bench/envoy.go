package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The listener of bare Envoy and of Envoy with the no-op filter: the same route
// and cluster as the gateway's, without what the gateway adds.
const config = `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: %[1]d}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: "/"}, route: {%[2]s, timeout: 0s}}]
          http_filters: [%[3]s{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
  clusters:
  - name: upstream
    type: STATIC
    load_assignment: {cluster_name: upstream, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %[4]d}}}}]}]}
  - name: processor
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment: {cluster_name: processor, endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: %[5]q}}}}]}]}
`

const noopFilter = `{name: noop, typed_config: {
  "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor,
  grpc_service: {envoy_grpc: {cluster_name: processor}, timeout: 0s},
  processing_mode: {request_header_mode: SEND, request_body_mode: BUFFERED, response_header_mode: SKIP},
  allow_mode_override: true, route_cache_action: CLEAR,
  mutation_rules: {allow_all_routing: true, allow_envoy: true}}}, `

// startEnvoy runs Envoy with the static configuration and waits until it serves.
func startEnvoy(ctx context.Context, binary, dir string, filter bool, upstream int) (url string, pid int, err error) {
	port, err := freePort()
	if err != nil {
		return "", 0, err
	}
	route, filters := "cluster: upstream", ""
	if filter {
		route, filters = "cluster_header: x-bench-cluster", noopFilter
	}
	path := filepath.Join(dir, fmt.Sprintf("envoy-%d.yaml", port))
	text := fmt.Sprintf(config, port, route, filters, upstream, filepath.Join(dir, "noop.sock"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", 0, err
	}
	// --concurrency 2: what the gateway's own Envoy gets on two cores.
	pid, err = start(ctx, binary, "-c", path, "--disable-hot-restart", "--log-level", "error", "--concurrency", "2")
	if err != nil {
		return "", 0, err
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port), pid, waitPort(ctx, port)
}

// start runs a program that dies with the benchmark.
func start(ctx context.Context, name string, args ...string) (pid int, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { _ = cmd.Wait() }()
	return cmd.Process.Pid, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func waitPort(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on port %d: %w", port, err)
		}
	}
}

func jsonHeader(extra ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for _, e := range extra {
		name, value, _ := strings.Cut(e, ": ")
		h.Set(name, value)
	}
	return h
}
