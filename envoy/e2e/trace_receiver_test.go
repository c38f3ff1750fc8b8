package e2e

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// receiver takes spans by OTLP, as the collector's own types read them.
type receiver struct {
	ptraceotlp.UnimplementedGRPCServer
	url   string
	close func()

	mu      sync.Mutex
	spans   []span
	raw     strings.Builder // all that came
	headers []string        // the authorization of each export
}

// span is one that was received.
type span struct {
	Name, Kind    string
	ID, Parent    string
	Trace, State  string
	Failed        bool
	Attributes    map[string]any
	Resource      map[string]any
	start, finish int64
}

// startReceiver serves OTLP by gRPC or by HTTP.
func startReceiver(t *testing.T, protocol string) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{url: "http://" + l.Addr().String()}
	if protocol == "grpc" {
		server := grpc.NewServer()
		ptraceotlp.RegisterGRPCServer(server, r)
		go func() { _ = server.Serve(l) }()
		r.close = server.Stop
	} else {
		server := &http.Server{Handler: r} //nolint:gosec // of a test
		go func() { _ = server.Serve(l) }()
		r.close = func() { _ = server.Close() }
	}
	t.Cleanup(r.close)
	return r
}

// Export implements ptraceotlp.GRPCServer.
func (r *receiver) Export(ctx context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	raw, err := request.MarshalProto()
	if err != nil {
		return ptraceotlp.NewExportResponse(), err
	}
	md, _ := metadata.FromIncomingContext(ctx)
	r.take(request.Traces(), raw, strings.Join(md.Get("authorization"), ","))
	return ptraceotlp.NewExportResponse(), nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	raw, err := io.ReadAll(request.Body)
	export := ptraceotlp.NewExportRequest()
	if err != nil || request.URL.Path != "/v1/traces" || request.Header.Get("Content-Type") != "application/x-protobuf" || export.UnmarshalProto(raw) != nil {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	r.take(export.Traces(), raw, request.Header.Get("Authorization"))
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (r *receiver) take(traces ptrace.Traces, raw []byte, authorization string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw.Write(raw)
	r.headers = append(r.headers, authorization)
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				r.spans = append(r.spans, span{
					Name: s.Name(), Kind: s.Kind().String(), ID: s.SpanID().String(), Parent: s.ParentSpanID().String(),
					Trace: s.TraceID().String(), State: s.TraceState().AsRaw(), Failed: s.Status().Code() == ptrace.StatusCodeError,
					Attributes: s.Attributes().AsRaw(), Resource: resource.Resource().Attributes().AsRaw(),
					start: int64(s.StartTimestamp()), finish: int64(s.EndTimestamp()), //nolint:gosec // times of today
				})
			}
		}
	}
}

// everything is all bytes that came.
func (r *receiver) everything() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.raw.String()
}

// of returns the spans that accept takes, in the order of their start.
func (r *receiver) of(accept func(span) bool) []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := slices.DeleteFunc(slices.Clone(r.spans), func(s span) bool { return !accept(s) })
	slices.SortFunc(found, func(a, b span) int { return int(a.start - b.start) })
	return found
}

// tree waits for the n spans of a trace: first that of the request, whose
// parent is parent, then the calls below it.
func (r *receiver) tree(t *testing.T, trace, parent string, n int) []span {
	t.Helper()
	var all []span
	testenv.Eventually(t, waitForEvents, "spans of trace "+trace, func() bool {
		all = r.of(func(s span) bool { return s.Trace == trace })
		return len(all) >= n
	})
	if len(all) != n || all[0].Parent != parent || all[0].Kind != "Server" {
		t.Fatalf("%d spans below %q, want %d: %+v", len(all), parent, n, all)
	}
	for _, s := range all[1:] {
		if s.Parent != all[0].ID {
			t.Errorf("%s is below %q, not below the request", s.Name, s.Parent)
		}
		if s.start < all[0].start || s.finish < s.start {
			t.Errorf("%s lies outside of the request", s.Name)
		}
	}
	return all
}

// without returns the attributes but for those that differ from run to run,
// which must be there.
func (s span) without(t *testing.T, names ...string) map[string]any {
	t.Helper()
	rest := maps.Clone(s.Attributes)
	for _, name := range names {
		if v, ok := rest[name]; !ok || v == "" || v == 0.0 || v == int64(0) {
			t.Errorf("%s: no %s in %v", s.Name, name, s.Attributes)
		}
		delete(rest, name)
	}
	return rest
}
