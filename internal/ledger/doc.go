// Package ledger carries events and questions about spend between a processor
// and the control plane that has the store, when the two run apart.
//
// Client is the processor's side: a sink of events, and what limits read.
// Server is the other side. The package stores nothing and counts nothing.
package ledger
