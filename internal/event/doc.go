// Package event keeps usage events from the moment a request is let through
// until the store has them.
//
// The spool is a directory of append-only segment files. A request writes an
// intent before its provider credential leaves, and a final event at its end;
// each is in the operating system's hands when the call returns, so a killed
// process loses none, and is forced to disk in groups, so a power cut loses at
// most one interval. A delivery loop hands finals to a sink, which takes each id
// once, and deletes a segment when all that it holds is settled and delivered.
// On start, intents without a final become finals that say so.
package event
