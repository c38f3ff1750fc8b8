package ads

import (
	"cmp"
	"slices"
	"time"
)

// Status is how far every connected Envoy is.
type Status struct {
	Nodes []NodeStatus `json:"nodes"`
}

// NodeStatus is one Envoy's.
type NodeStatus struct {
	Node  string       `json:"node"`
	Types []TypeStatus `json:"types"`
}

// TypeStatus is one type of resource of an Envoy.
type TypeStatus struct {
	Type       string     `json:"type"`
	Resources  int        `json:"resources"`            // sent and answered for
	InSync     bool       `json:"inSync"`               // all of the current ones are in force
	Refused    []string   `json:"refused,omitempty"`    // names that were in a refused update and have not changed since
	LastNACK   string     `json:"lastNack,omitempty"`   // Envoy's words; gone after the next accepted update
	LastNACKAt *time.Time `json:"lastNackAt,omitempty"` // when
}

// Status returns the state of all connected Envoys, sorted by node and type.
func (s *Server) Status() Status {
	snapshot := s.current()
	out := Status{Nodes: []NodeStatus{}}
	for _, x := range s.all() {
		out.Nodes = append(out.Nodes, x.status(snapshot))
	}
	slices.SortFunc(out.Nodes, func(a, b NodeStatus) int { return cmp.Compare(a.Node, b.Node) })
	return out
}

// NACKs is how many updates Envoys have refused since the start.
func (s *Server) NACKs() int64 { return s.nacks.Load() }

func (x *stream) status(snapshot Snapshot) NodeStatus {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := NodeStatus{Node: x.node, Types: []TypeStatus{}}
	for _, url := range order {
		t := x.types[url]
		if t == nil {
			continue
		}
		s := TypeStatus{Type: url, Resources: len(t.sent), InSync: t.pending == "", LastNACK: t.nack}
		if t.nack != "" {
			at := t.nackedAt.UTC()
			s.LastNACKAt = &at
		}
		for name, r := range x.view(url, t, snapshot[url]) {
			if t.nacked[name] == r.version {
				s.Refused = append(s.Refused, name)
			}
			if (t.wildcard || t.names[name]) && (t.sent[name] != r.version || t.nacked[name] == r.version) {
				s.InSync = false
			}
		}
		slices.Sort(s.Refused)
		n.Types = append(n.Types, s)
	}
	return n
}
