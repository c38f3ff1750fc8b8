package xds

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Resources are Envoy's resources by name, one map a type.
type Resources struct {
	Listeners map[string]proto.Message
	Routes    map[string]proto.Message
	Clusters  map[string]proto.Message
}

// validated is what every generated Envoy message can do.
type validated interface {
	proto.Message
	ValidateAll() error
}

// Build makes the resources for s. An error is a fault of the state (or of this
// package) that Envoy would refuse; nothing of s may be published then.
func Build(s State) (*Resources, error) {
	s = s.normal()
	r := &Resources{
		Listeners: map[string]proto.Message{},
		Routes:    map[string]proto.Message{},
		Clusters:  map[string]proto.Message{},
	}
	l, err := listener(s.Listener)
	if err != nil {
		return nil, fmt.Errorf("build listener: %w", err)
	}
	if err := put(r.Listeners, l.Name, l); err != nil {
		return nil, err
	}
	rc, err := routeConfiguration(s.Listener)
	if err != nil {
		return nil, fmt.Errorf("build routes: %w", err)
	}
	if err := put(r.Routes, rc.Name, rc); err != nil {
		return nil, err
	}
	if err := putAttempts(r, s.Listener); err != nil {
		return nil, fmt.Errorf("build attempts: %w", err)
	}
	if s.Listener.GenAI != nil {
		if err := putGenAI(r, s.Listener, *s.Listener.GenAI); err != nil {
			return nil, fmt.Errorf("build GenAI entry: %w", err)
		}
	}
	for _, u := range s.Upstreams {
		c, err := cluster(u, s.Listener.CAFile)
		if err != nil {
			return nil, fmt.Errorf("build cluster %s: %w", u.Origin.Cluster(), err)
		}
		if err := put(r.Clusters, c.Name, c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// putAttempts adds what failover routes need. It is always there: a first route
// must not change the listeners of running requests.
func putAttempts(r *Resources, c ListenerConfig) error {
	l, err := attemptListener(c)
	if err != nil {
		return err
	}
	loop, err := loopCluster()
	if err != nil {
		return err
	}
	if err := put(r.Listeners, l.Name, l); err != nil {
		return err
	}
	return put(r.Clusters, loop.Name, loop)
}

func put(into map[string]proto.Message, name string, m validated) error {
	if err := m.ValidateAll(); err != nil {
		return fmt.Errorf("resource %s: %w", name, err)
	}
	if _, ok := into[name]; ok {
		return fmt.Errorf("resource %s is there twice", name)
	}
	into[name] = m
	return nil
}

// pack encodes m deterministically: Envoy and the version of a resource compare
// bytes.
func pack(m proto.Message) (*anypb.Any, error) {
	a := new(anypb.Any)
	if err := anypb.MarshalFrom(a, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return a, nil
}
