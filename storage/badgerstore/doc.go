// Package badgerstore keeps everything on disk with Badger: keys, records, the
// transactions that change them, and the upgrade of older data, as storage/DESIGN.md
// describes them. Package engine below it has everything about Badger itself and its
// files; no other package knows Badger.
//
// All writes go through one committer, which gathers what concurrent callers hand
// over into one synced transaction. Reads take a snapshot of their own.
package badgerstore
