// Package policy finds personal data in requests and answers, and blocks or
// redacts it as a policy says.
package policy
