// Package limit shares what all endpoints use together, first among clients, then
// among the endpoints of each, so that nobody can keep the others from theirs.
//
// What belongs here: [Permits] for attempts in flight, the [Budget] of memory for
// payloads with each endpoint's [Reservation], the [Readers] that run reads of storage
// in turns, the [Workers] that run jobs on a bounded number of goroutines, and the
// [Volumes] of bytes published for each client, and the [Brakes] with which an endpoint that
// this server cannot keep up with slows its publishers down. All are safe for concurrent use,
// except Volumes, which the router owns.
//
// What does not: actors and their messages (who waits is notified through a function),
// storage, HTTP, and what one endpoint may do by its own settings (package lane).
package limit
