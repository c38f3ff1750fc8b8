// Package e2e holds the tests that drive the whole gateway, built as it ships,
// through a real Envoy against the strict fake provider: one test for each
// promise of the README. There is nothing to import here.
//
// Every test's gateway logs at debug level, and every one ends with the same
// question: did a key or a credential come out anywhere, and did the provider
// see anything that it must not? See env_test.go.
package e2e
