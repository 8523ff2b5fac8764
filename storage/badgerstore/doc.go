// Package badgerstore keeps everything on disk with Badger. It is the only
// package that knows Badger; keys, encodings, the order of writes and the upgrade
// of older data are described in storage/DESIGN.md.
//
// All writes go through one committer, which gathers what concurrent callers hand
// over into one synced transaction. Reads take a snapshot of their own.
package badgerstore
