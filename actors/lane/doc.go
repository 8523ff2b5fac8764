// Package lane decides, for one endpoint, which delivery is sent next, when, and what
// is recorded of each attempt.
//
// What belongs here: the decisions, as a pure state machine. A [Lane] takes an input
// with the time at which it happens (a delivery was offered, a read ended, an attempt
// ended, a change was asked for) and leaves its effects as data in [Effects]; the
// endpoint's actor, in package actors, carries them out. The endpoint's rate limiter
// and circuit breaker (gate), its bound of attempts in flight (ramp) and its record of
// how far storage was read back are parts of the lane.
//
// What does not: actors and their messages, HTTP, storage, clocks, timers, goroutines
// and the sharing of resources between endpoints (package limit). Time and chance are
// arguments. A test holds the package to that, with one exception: the breaker library
// reads the clock itself, which must agree with the times that callers pass.
//
// A delivery in the window moves so:
//
//	from        on                        to          effect
//	(none)      offer, read               waiting; (none) for an offer of what was dealt with
//	waiting     gate and permit free      in flight   attempt
//	waiting     breaker opens, pause      (none)      read again later, unless it was asked for by hand
//	waiting     asked for by hand         waiting     goes first, and may pass a closed gate
//	waiting     cancel                    changing    cancel in storage
//	waiting     no payload, or 3 panics   settling    settle as failed
//	in flight   attempt ends              settling    settle as delivered, retrying or failed
//	in flight   panic, fewer than three   waiting; (none) if the endpoint sends nothing now
//	in flight   the third panic           settling    settle as failed
//	in flight   the actor panics          in flight   the next lane takes it over; (none) if the actor was handling it
//	settling    the actor panics          settling    the next lane takes it over; (none) if the actor was handling it
//	(none)      retry, cancel             changing    requeue or cancel in storage
//	settling    recorded                  gone
//	changing    recorded as requeued      waiting
//	changing    recorded                  gone
//	gone        no read is under way      (none)
//
// A Lane is not safe for concurrent use: one actor owns it.
package lane
