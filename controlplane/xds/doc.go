// Package xds turns the gateway's state into Envoy configuration and serves it.
//
// The idea to read it by: model, pure builders, snapshot. State is plain values
// without Envoy types; Build and the builders under it are functions of State
// and nothing else, so the same State gives the same bytes; Server hands a
// Snapshot to every connected Envoy over delta ADS and remembers, per stream,
// what each of them has acknowledged.
//
// It does not read the store, resolve host names or know keys: package
// controlplane does the first two, and keys never reach Envoy.
package xds
