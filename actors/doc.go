// Package actors dispatches: it matches events to endpoints, has them stored, and
// makes the attempts that deliver them.
//
//	Publish ─► router ─► storage ─► supervisor ─► endpoint actor ─► attempt ─┐
//	                                                 ▲    │ settle           │
//	                                                 │    ▼                  │
//	                                                 │  storage              │
//	                                                 └───────────────────────┘
//
// What belongs here: the three kinds of actors, their messages, and the [Dispatcher]
// through which the program uses them. The router matches and numbers events, keeps
// each client to its limit of pending deliveries, and hands the events to storage,
// whose group commit answers the publisher and informs the supervisor. The supervisor
// owns an actor for each endpoint that has something to do. An endpoint actor is a thin
// shell around a lane: it feeds the lane with messages and carries out its decisions.
//
// What does not: what is sent next, and when (package lane); what endpoints share, such
// as permits for attempts, memory for payloads and readers of storage (package limit);
// HTTP requests (a [Target] makes the attempts); and how anything is stored ([Store]).
//
// Everything between the actors is a hint: what is owed is in storage, and a lane that
// was not informed, or had no memory, reads it from there. So mailboxes are bounded by
// what is sent to them, and memory by the window of each lane and one budget for all.
// messages.go lists every message with its sender and whether it may be lost.
package actors
