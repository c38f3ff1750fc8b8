// Package transport is how the roles reach one another when they run apart: over
// a Unix socket that only one user can open, or over TCP with mutual TLS, where
// each client identity may call the services of its role and no others.
//
// TCP without mutual TLS does not exist here, on loopback neither: who speaks
// ext_proc or the config stream is handed providers' credentials. The package
// knows names of services and nothing of what they do.
package transport
