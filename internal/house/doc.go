// Package house holds no code: its tests are the rules of the repository, such
// as which package may know which.
package house
