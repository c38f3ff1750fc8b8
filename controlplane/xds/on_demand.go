package xds

import (
	"fmt"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	ondemandv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/on_demand/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bricks-gateway/bricks/internal/provider"
)

// onDemandFilter is the filter's name in the chain and in per-route overrides.
const onDemandFilter = "envoy.filters.http.on_demand"

// onDemandTimeout bounds the wait for a cluster. The control plane's lookup of
// the host takes less.
const onDemandTimeout = 3 * time.Second

// OnDemandCluster makes the cluster of custom routes to u's origin, which Envoy
// fetches when a request first names it.
func OnDemandCluster(u Upstream, caFile string) (name string, c proto.Message, err error) {
	u = State{Upstreams: []Upstream{u}}.normal().Upstreams[0]
	name = u.Origin.CustomCluster()
	made, err := cluster(u, caFile)
	if err != nil {
		return "", nil, fmt.Errorf("build cluster %s: %w", name, err)
	}
	made.Name, made.LoadAssignment.ClusterName = name, name
	if err := made.ValidateAll(); err != nil {
		return "", nil, fmt.Errorf("cluster %s: %w", name, err)
	}
	return name, made, nil
}

// customRoute is upstreamRoute for custom providers: their clusters are fetched.
// The processor has looked the name up, so one that is unknown here is rare, and
// the control plane answers for it too.
func customRoute(idle time.Duration) (*routev3.Route, error) {
	fetch, err := pack(&ondemandv3.PerRouteConfig{Odcds: &ondemandv3.OnDemandCds{
		Source: &corev3.ConfigSource{
			ResourceApiVersion:    corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		},
		Timeout: durationpb.New(onDemandTimeout),
	}})
	if err != nil {
		return nil, err
	}
	r := upstreamRoute(idle)
	r.Name = "custom"
	r.Match.Headers = []*routev3.HeaderMatcher{{
		Name: ClusterHeader,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: provider.CustomClusterPrefix},
		}},
	}}
	r.TypedPerFilterConfig = map[string]*anypb.Any{onDemandFilter: fetch}
	return r, nil
}
