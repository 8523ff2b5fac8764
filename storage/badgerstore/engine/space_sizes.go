package engine

// spaceSizes are the amounts of disk space, in bytes, that a database takes at a time.
// Smaller disks have smaller logs, and so smaller amounts of everything.
type spaceSizes struct {
	log int64 // where a log ends
}

const (
	// A log takes one logShare-th of the disk at most, within smallestLog and
	// memtableSize.
	logShare    = 64
	smallestLog = 4 << 20
	// largestMerge bounds what merging tables takes: the tables that are merged stay
	// until the new ones are synced. The tables of some five memory tables in the first
	// level, or one table of another, are merged with those of the next level that they
	// overlap; two merges run at a time.
	largestMerge = 512 << 20
	// smallFiles is for the manifest and other small files.
	smallFiles = 4 << 20
	// smallestStart must be free at a start.
	smallestStart = 1 << 20
	// freeingShare is the end of a log that is kept for writes that free space.
	freeingShare = 1 << 20
)

// sizesFor returns the sizes for a disk of so many bytes. Upstream's Badger has logs of
// one size.
func sizesFor(total uint64) spaceSizes {
	if !patched {
		return spaceSizes{log: memtableSize}
	}
	return spaceSizes{log: int64(min(max(total/logShare, smallestLog), memtableSize))}
}

// blocks is how far a log can be written. A log ends with the transaction that reaches
// its limit, and so does its memory table, in which small records take more space than
// in the log.
func (s spaceSizes) blocks() int64 { return s.log + 2*MaxTxnBytes }

// nextLog is what it takes to begin the next log, and to make a table of the last one.
func (s spaceSizes) nextLog() int64 { return 2*s.blocks() + smallFiles }

// needed is what must stay free to continue, with so many bytes of tables.
func (s spaceSizes) needed(tables int64) int64 { return s.nextLog() + min(tables, largestMerge) }

// ballast is for the tables of the logs that a start finds, and for writing one
// more log and beginning the next.
func (s spaceSizes) ballast() int64 { return s.nextLog() + s.blocks() }
