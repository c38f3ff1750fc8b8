// Package fakeprovider is a strict stand-in for OpenAI and Anthropic: it speaks
// both APIs over plain HTTP on loopback, computes its answers and their usage
// from the request alone, and refuses what the real APIs refuse. Background
// responses, batches and runs it works off at once, and says so later.
//
// It keeps a record of every request, byte for byte, and its own bill, so that
// a test can compare what the gateway forwarded, told its client and charged.
// What no correct gateway ever forwards (the gateway's own keys and headers,
// cookies, two credentials at once) is a violation: it is answered with 400 and
// kept, and a test that ends with violations has failed.
//
// Tokens are words: a prompt costs 3, and 4 more a message, 1 a word, 85 an
// image and 10 a tool. An answer costs 1 a word, a tool call 10.
//
// A request chooses its trouble by x-fake-* headers or by a model called fake-*:
// see fault.go.
package fakeprovider
