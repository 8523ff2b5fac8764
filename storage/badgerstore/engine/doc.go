// Package engine is Badger made safe for data that must not be lost: it opens a
// database, refuses a damaged one, keeps disk space for what has to be written, and
// reports every failure of which Badger itself only logs.
//
// What belongs here: everything whose subject is Badger and its files, whatever they
// hold. That is Badger's dimensions (options.go), opening and closing (open.go,
// close.go), the checks of logs, tables and the list of tables before an open
// (damage_*.go), Badger's messages as failures (logger.go), the commit mark
// (commit_mark.go), disk space and the ballast (space.go), the verification of all
// tables once a day (scrub.go), scans past removed keys (backward.go), and our patches
// to Badger (patches, patched.go).
//
// What does not belong here: keys, records, deliveries, and the grouping of writes.
// Package badgerstore has them. Only these two packages import Badger.
//
// A database has one writer, which calls Admits before each commit and Committed after
// it. Reads run at any time. storage/DESIGN.md describes the files, the checks and the
// patches.
package engine
