// Package testenv runs the real gateway for tests: the program as it is built,
// a real Envoy below it, ports and data of its own, and the admin API to set it
// up. It knows nothing of the gateway's packages, as its users do not.
//
// Nothing here sleeps: what must come is waited for with a deadline. What the
// gateway printed is shown when the test fails, and only then.
package testenv
