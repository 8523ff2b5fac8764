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
// What endpoints share is shared by client, then by endpoint: package limit has the
// permits for attempts in flight, the memory for payloads and the readers of storage.
// The lane is a package of its own, which knows nothing of actors.
package actors
