// Package gateway is the vocabulary of the product: keys, provider settings,
// events, money and error kinds. It holds no I/O and imports nothing but the
// standard library, so that every other package can speak these words.
package gateway
