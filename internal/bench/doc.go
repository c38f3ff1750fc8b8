// Package main measures what the gateway costs beside bare Envoy.
//
// Three set-ups answer the same requests from the same fake provider: Envoy
// alone, Envoy with an ext_proc server that does nothing but sees the same
// phases, and the gateway. Rounds are interleaved, so that a machine whose
// speed drifts does so for all three; medians over the rounds are printed as a
// table and as JSON. CPU is what the kernel accounted to each process, Envoy
// and processor apart. Run it with: make bench
package main
