// Package pgstore is the storage.Backend on PostgreSQL, for one node or many: the tables
// of package schema with the records of package record, and storage.Shared, by which nodes
// share one database. Each method of the interfaces is here; DESIGN.md describes
// tables, writes, reads and what becomes of them when the database fails.
//
// Writes of the hot path (Accept, Settle, SaveGate) go through one groupcommit.Committer
// and one connection, as one pipelined transaction for each group. Changes that somebody
// waits for take a transaction of their own. Every transaction that writes counts itself
// first in a row of the table fence, so that a node which the cluster has fenced off
// stores nothing more, and so that a node whose connection broke during a commit finds out
// whether the commit happened.
//
// SQL stays inside what PostgreSQL 15 to 18, Citus, YugabyteDB and CockroachDB document:
// no statement joins two data tables, and each data table has its distribution column in
// its primary key.
//
// What a record's bytes mean belongs to package record; encryption, to package sealed;
// who is alive and who should own what, to the nodes.
package pgstore
