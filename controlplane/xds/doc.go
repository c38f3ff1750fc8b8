// Package xds builds Envoy's configuration for the gateway: a State goes in,
// the listener, the routes and the clusters come out.
//
// The idea to read it by: Build is a pure function. It resolves no names, reads
// no store and knows no keys, and the same State, in any order, gives the same
// bytes, so a changed byte is a changed configuration.
package xds
