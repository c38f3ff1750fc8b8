package ads_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bricks-gateway/bricks/controlplane/ads"
)

// onDemand is a server whose clusters "custom/…" are fetched. wanted tells of
// each question.
func onDemand(t *testing.T) (s *ads.Server, wanted chan string) {
	t.Helper()
	wanted = make(chan string, 100)
	s = ads.NewServer(slog.New(slog.DiscardHandler))
	s.ServeOnDemand(func(name string) bool { return strings.HasPrefix(name, "custom/") }, func(name string) { wanted <- name })
	return s, wanted
}

func publish(t *testing.T, s *ads.Server, name string, timeout time.Duration) {
	t.Helper()
	if err := s.PublishOnDemand(name, &clusterv3.Cluster{Name: name, ConnectTimeout: durationpb.New(timeout)}); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, s *ads.Server, name string) {
	t.Helper()
	if err := s.PublishOnDemand(name, nil); err != nil {
		t.Fatal(err)
	}
}

func (e *envoy) ask(t *testing.T, names ...string) {
	t.Helper()
	if err := e.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resourcev3.ClusterType, ResourceNamesSubscribe: names}); err != nil {
		t.Fatal(err)
	}
}

func (e *envoy) want(t *testing.T, what, want string) {
	t.Helper()
	if got := e.next(t); got != want {
		t.Errorf("%s: told %s, want %s", what, got, want)
	}
}

func TestClustersOnDemand(t *testing.T) {
	s, wanted := onDemand(t)
	s.Publish(snapshot(t, time.Second, "a"))
	publish(t, s, "custom/early", time.Second)
	e := connect(t, s, nil)
	e.want(t, "at first", "[a]") // and not what nobody asked for
	e.ask(t, "custom/early")
	if got := <-wanted; got != "custom/early" {
		t.Errorf("wanted %s", got)
	}
	e.want(t, "what is there already", "[custom/early]")

	e.ask(t, "custom/late")
	<-wanted
	s.Publish(snapshot(t, 2*time.Second, "a"))
	e.want(t, "while one is looked up", "[a]")
	publish(t, s, "custom/late", time.Second)
	e.want(t, "when it is found", "[custom/late]")
	publish(t, s, "custom/late", 2*time.Second)
	e.want(t, "when it changes", "[custom/late]")
	publish(t, s, "custom/others", time.Second)
	take(t, s, "custom/late")
	e.want(t, "when it goes", "[-custom/late]")
	publish(t, s, "custom/late", 3*time.Second)
	e.want(t, "when it comes back, unasked", "[custom/late]")
	e.ask(t, "custom/late")
	<-wanted
	e.want(t, "asked again", "[custom/late]")

	take(t, s, "custom/never")
	e.ask(t, "custom/never")
	<-wanted
	e.want(t, "what there is not", "[-custom/never]")
	e.ask(t, "custom/never")
	<-wanted
	e.want(t, "what there is not, again", "[-custom/never]")

	s.SweepOnDemand()
	if !s.ReopenOnDemand("custom/never") || s.ReopenOnDemand("custom/nobody's") {
		t.Error("who asked is forgotten")
	}
	if missing := wait(t, s, snapshot(t, 2*time.Second, "a")); len(missing) != 0 {
		t.Errorf("missing = %v", missing)
	}
}

// An Envoy comes back to a control plane that has just started: what it fetched
// stays until it is known what becomes of it.
func TestFetchedClustersOutliveARestart(t *testing.T) {
	s, wanted := onDemand(t)
	s.Publish(snapshot(t, time.Second, "a"))
	e := connect(t, s, map[string]string{"custom/kept": "an older version", "custom/gone": "any", "b": "any"})
	asked := map[string]bool{<-wanted: true, <-wanted: true}
	if !asked["custom/kept"] || !asked["custom/gone"] {
		t.Errorf("wanted %v", asked)
	}
	e.want(t, "at first", "[a -b]")
	publish(t, s, "custom/kept", time.Second)
	e.want(t, "one that is found", "[custom/kept]")
	take(t, s, "custom/gone")
	e.want(t, "one that is gone", "[-custom/gone]")
}

// A change waits for those who fetched what it changes, and for nobody else.
func TestWaitForAFetchedCluster(t *testing.T) {
	s, wanted := onDemand(t)
	s.Publish(snapshot(t, time.Second, "a"))
	publish(t, s, "custom/x", time.Second)
	e := connect(t, s, nil)
	e.want(t, "at first", "[a]")
	e.ask(t, "custom/x")
	<-wanted
	e.want(t, "asked", "[custom/x]")
	goal := snapshot(t, time.Second, "a")
	if missing := wait(t, s, goal); len(missing) != 0 {
		t.Errorf("missing = %v", missing)
	}
	publish(t, s, "custom/x", 2*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if missing := s.Wait(ctx, goal); len(missing) != 1 {
		t.Errorf("missing = %v before the Envoy has the change", missing)
	}
	e.want(t, "changed", "[custom/x]")
	if missing := wait(t, s, goal); len(missing) != 0 {
		t.Errorf("missing = %v after it", missing)
	}
}
