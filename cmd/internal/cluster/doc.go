// Package cluster makes a process one node among others that share a database: it keeps
// the node's lease, takes over parts, hands them over, and fences nodes that are dead.
//
// The decisions are a pure core without clock, goroutines and I/O: its inputs are
// heartbeats that the database confirmed, readings of a steady clock, and what became of
// earlier orders; its outputs are orders, and the moment until which attempts may start.
// Node is the thin shell that carries the orders out. What a node writes is guarded by
// the store (storage.Shared); how nodes talk to one another is in package peer. What
// delivers, and what answers requests, does not belong here.
package cluster
