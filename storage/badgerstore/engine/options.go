package engine

import (
	"log/slog"

	badger "github.com/dgraph-io/badger/v4"
	badgeroptions "github.com/dgraph-io/badger/v4/options"
)

// Options say where a database is and how it is kept.
type Options struct {
	// Dir is the directory, which must exist. It belongs to one process at a time.
	Dir string
	// NoSync lets commits return before they are on disk, and keeps no disk space. A
	// crash of the machine loses the latest commits. For tests and benchmarks.
	NoSync bool
	// Log gets Badger's warnings and errors; nil for none.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Bounds of one transaction, below Badger's own for memtableSize (52,000 keys and
// 4.8 MiB): 15 % of a memory table in bytes, and a number of keys whose skip list
// nodes take as much.
const (
	MaxTxnKeys  = 45_000
	MaxTxnBytes = 4 << 20
)

// Badger's dimensions. Values never reach the value log: the largest record is well
// below its threshold of 1 MiB.
const (
	memtableSize   = 32 << 20
	blockCacheSize = 32 << 20
	indexCacheSize = 48 << 20
	valueLogSize   = 64 << 20
	// tableSize is the size of tables in all levels but the first. It is small because
	// most events stay in the table that they are first merged into, and large because
	// each table is an open file.
	tableSize = 16 << 20
	// A compaction of the first level begins with levelZeroTables, and flushes wait at
	// three times as many. A memory table leaves up to three there, of different kinds of
	// keys: as many bytes as Badger's own five tables of everything.
	levelZeroTables = 15
)

// badgerOptions returns Badger's options for a directory.
func badgerOptions(o Options, log badger.Logger) badger.Options {
	verify := badgeroptions.OnBlockRead
	if !patched {
		// Upstream's Badger reads a damaged block as an empty one. So Open has to verify
		// all tables, which takes a second for each GB.
		verify = badgeroptions.OnTableRead
	}
	return badger.DefaultOptions(o.Dir).
		WithSyncWrites(!o.NoSync).
		WithLogger(log).
		WithDetectConflicts(false). // there is one writer
		WithMetricsEnabled(false).
		WithCompression(badgeroptions.None).
		WithMemTableSize(memtableSize).
		WithBaseTableSize(tableSize).
		WithNumMemtables(3).
		WithNumLevelZeroTables(levelZeroTables).
		WithNumLevelZeroTablesStall(3 * levelZeroTables).
		WithNumCompactors(2).
		WithBlockCacheSize(blockCacheSize).
		WithIndexCacheSize(indexCacheSize).
		WithValueLogFileSize(valueLogSize).
		WithChecksumVerificationMode(verify)
}
