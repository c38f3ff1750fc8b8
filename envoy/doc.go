// Package envoy is what the gateway knows about the Envoy process itself: how
// to find the binary, the bootstrap configuration it starts with, and how to
// keep it running. It does not know listeners, routes or upstream clusters:
// those come to Envoy over xDS from package controlplane.
//
// The idea to read it by: Envoy is a child that may die at any time and must
// never outlive its parent. The bootstrap holds only what Envoy needs to reach
// the control plane and the processor; everything else is re-learned after a
// restart.
package envoy

import (
	_ "embed"
	"strings"
)

//go:embed version.txt
var pinned string

// PinnedVersion is the Envoy version that the gateway is built and tested
// against, as version.txt spells it; the Makefile installs this one.
func PinnedVersion() string { return strings.TrimSpace(pinned) }
