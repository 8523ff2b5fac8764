package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// DB is an open database. Open makes it; Start begins to look after its files.
type DB struct {
	badger   *badger.DB
	log      *logger
	replayed Replay
	space    *diskSpace
	mark     commitMark
	spare    spareLog

	// Only the writer uses these two: when it last looked after the disk space, and
	// when it last released the tables' pages.
	looked, released time.Time

	background sync.WaitGroup // scrub and page release
	stop       context.CancelFunc
}

// NewTransaction begins a transaction on the newest snapshot. It waits for a commit
// that is under way. The caller must discard the transaction.
func (db *DB) NewTransaction(update bool) *badger.Txn { return db.badger.NewTransaction(update) }

// Update commits what write puts into a transaction. It bypasses Admits and Committed,
// and so serves upgrades, which run before Start, and tests.
func (db *DB) Update(write func(tx *badger.Txn) error) error { return db.badger.Update(write) }

// NewWriteBatch begins a batch of writes of any size, for upgrades.
func (db *DB) NewWriteBatch() *badger.WriteBatch { return db.badger.NewWriteBatch() }

// Load writes lists of records, in the form that Badger's own backups have, with up to
// pending batches under way.
func (db *DB) Load(lists io.Reader, pending int) error { return db.badger.Load(lists, pending) }

// EstimateSize returns how many bytes the tables take whose keys all have the prefix.
// It looks at each table's range, and not into tables.
func (db *DB) EstimateSize(prefix []byte) uint64 {
	size, _ := db.badger.EstimateSize(prefix)
	return size
}

// TableBytes returns how many bytes all tables take.
func (db *DB) TableBytes() (size int64) {
	for _, level := range db.badger.Levels() {
		size += level.Size
	}
	return size
}

// OnFailure has report called with the first failure that ends all writing, also with
// one that came before this call. It is called with a lock held and must not call the
// database.
func (db *DB) OnFailure(report func(error)) { db.log.reportTo(report) }

// Start begins to look after the files: the commit mark, disk space, the daily scrub.
// commits is the number of the last commit that the database holds. Start fails with
// ErrDamaged if the commit mark knows of a later one.
func (db *DB) Start(commits uint64) error {
	if err := db.mark.begin(commits); err != nil {
		return err
	}
	if err := db.space.reserve(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	db.stop = stop
	db.spare.begin(ctx, db)
	db.startScrub(ctx)
	return nil
}

// Committed looks after the files once a commit is on disk, before it is acknowledged.
// commits is the commit's number. Only the writer calls it.
func (db *DB) Committed(commits uint64, now time.Time) {
	_ = db.mark.note(commits) // the mark is a second witness: without it nothing is lost
	db.spare.committed(db.badger, db.space.free)
	if db.space.logChanged() {
		db.reserveSpace()
	}
	if now.Sub(db.looked) < spaceInterval {
		return
	}
	db.looked = now
	db.releasePages(now)
	db.reserveSpace()
}

// reserveSpace reserves disk space for what has to be written next. If the file system
// fails at that, the database must not go on.
func (db *DB) reserveSpace() {
	if err := db.space.reserve(); err != nil {
		db.log.fail(err)
	}
}

// releaseInterval is how often the pages of the tables are released while there are
// commits. Tables are read through mapped memory, and without a release the process
// would grow by all that it ever reads. The kernel keeps the pages as cache.
const releaseInterval = 2 * time.Second

// releasePages releases the tables' pages in the background if it is time. Only the
// writer calls it; Close waits for it.
func (db *DB) releasePages(now time.Time) {
	if !patched || now.Sub(db.released) < releaseInterval {
		return
	}
	db.released = now
	db.background.Go(func() { releaseTables(db.badger) })
}

// RewriteAfter has each table that reaches this age rewritten without what has expired
// in it, so that expired records leave the disk although nothing new comes near them.
func (db *DB) RewriteAfter(age time.Duration) { rewriteAfter(db.badger, age) }

// VerifyNow verifies every table, as fast as the disk allows. Damage is reported as a
// failure, too. Without the patch it verifies nothing: Open did.
func (db *DB) VerifyNow(ctx context.Context) error {
	err := scrub(ctx, db.badger, unlimitedRate)
	if err != nil {
		db.log.fail(err)
	}
	return errors.Join(err, ctx.Err())
}

// VerifyChecksums verifies every table, with the patch or without it, for a check of a
// database that nothing else uses.
func (db *DB) VerifyChecksums() error {
	if err := db.badger.VerifyChecksum(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}
