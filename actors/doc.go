// Package actors dispatches: it matches events to endpoints, has them stored, and
// makes the attempts that deliver them.
//
//	Publish ─► router ─► storage ─► supervisor ─► endpoint actor ─► attempt ─┐
//	                                                 ▲    │ settle           │
//	                                                 │    ▼                  │
//	                                                 │  storage              │
//	                                                 └───────────────────────┘
//
// The router actor matches and numbers events, keeps each client to its limit of
// pending deliveries, and hands the events to storage, whose group commit answers the publisher and tells the supervisor. The supervisor
// owns an actor for each endpoint that has something to do. An endpoint actor is
// a thin shell around a lane, the pure state machine that decides what to send,
// and when, and what to record.
//
// Everything between the actors is a hint: what is owed is in storage, and a
// lane that was not told, or had no room, reads it from there. So mailboxes are
// bounded by what is sent to them, and memory by the window of each lane and one
// budget for all.
//
// What endpoints share is shared by client, then by endpoint: the slots for
// attempts in flight and the memory by mayHold, the readers of storage in turns.
//
// A delivery in a lane's window moves so:
//
//	from        on                        to          effect
//	(none)      offer, read               waiting
//	waiting     gate and slot are free    in flight   attempt
//	waiting     breaker opens, pause      (none)      read again later, unless it was asked for by hand
//	waiting     asked for by hand         waiting     goes first, and may pass a closed gate
//	waiting     cancel                    changing    cancel in storage
//	waiting     no payload, condemned     settling    settle as failed
//	in flight   attempt ends              settling    settle as delivered, retrying or failed
//	in flight   panic, fewer than three   waiting; (none) if the endpoint sends nothing now
//	in flight   the third panic           settling    settle as failed
//	in flight   the actor panics          in flight   the next actor takes it over; (none) if it is the suspect
//	settling    the actor panics          settling    the next actor takes it over; (none) if it is the suspect
//	(none)      retry, cancel             changing    requeue or cancel in storage
//	settling    recorded                  gone
//	changing    recorded as requeued      waiting
//	changing    recorded                  gone
//	gone        no read is under way      (none)
package actors
