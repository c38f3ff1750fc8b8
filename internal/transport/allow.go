package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
	controlv1 "github.com/bricks-gateway/bricks/proto/control/v1"
	ledgerv1 "github.com/bricks-gateway/bricks/proto/ledger/v1"
)

// Role is what a client is to a server.
type Role string

// The roles of clients.
const (
	Processor Role = "processor"
	Admin     Role = "admin"
	Envoy     Role = "envoy"
)

// services says whose each service is. What is not here is nobody's.
var services = map[string]Role{
	configv1.ConfigDiscovery_ServiceDesc.ServiceName:        Processor,
	ledgerv1.Ledger_ServiceDesc.ServiceName:                 Processor,
	controlv1.Control_ServiceDesc.ServiceName:               Admin,
	"envoy.service.discovery.v3.AggregatedDiscoveryService": Envoy,
	"envoy.service.ext_proc.v3.ExternalProcessor":           Envoy,
	"grpc.health.v1.Health":                                 Envoy,
}

// Allowed are the identities that each role's clients may have: URI or DNS
// names of their certificates, compared as they are.
type Allowed map[Role][]string

// ParseAllowed reads role=identity from each text. The error lists all faults.
func ParseAllowed(texts []string) (Allowed, error) {
	a := Allowed{}
	var faults []error
	for _, text := range texts {
		role, identity, _ := strings.Cut(strings.TrimSpace(text), "=")
		switch r := Role(role); r {
		case Processor, Admin, Envoy:
			if identity == "" || strings.Contains(identity, "*") {
				faults = append(faults, fmt.Errorf("%q: want the whole of a URI or DNS name after =", text))
				continue
			}
			a[r] = append(a[r], identity)
		default:
			faults = append(faults, fmt.Errorf("%q does not begin with processor=, admin= or envoy=", text))
		}
	}
	return a, errors.Join(faults...)
}

// check refuses a call to method unless the peer's certificate is on the list of
// the role whose service it is.
func (a Allowed) check(ctx context.Context, method string) error {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	role, ok := services[service]
	if !ok {
		return status.Errorf(codes.PermissionDenied, "%s is nobody's service", service)
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return status.Error(codes.Unauthenticated, "no peer")
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return status.Error(codes.Unauthenticated, "no client certificate")
	}
	for _, name := range names(info.State.PeerCertificates[0]) {
		if slices.Contains(a[role], name) {
			return nil
		}
	}
	return status.Errorf(codes.PermissionDenied, "the client certificate is on no list of role %s", role)
}

func names(c *x509.Certificate) []string {
	all := slices.Clone(c.DNSNames)
	for _, u := range c.URIs {
		all = append(all, u.String())
	}
	return all
}

func (a Allowed) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := a.check(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

func (a Allowed) stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := a.check(s.Context(), info.FullMethod); err != nil {
		return err
	}
	return handler(srv, s)
}
