// Package badgerstore is the storage.Backend on disk: the records of package layout,
// in the transactions of package engine, which has Badger. Each method of the
// interface is here, with the order of its writes; storage/DESIGN.md describes keys,
// writes, reads and the upgrade of older data.
//
// All writes go through one groupcommit.Committer, which gathers what concurrent
// callers hand over into one synced transaction. Reads take a snapshot of their own.
//
// How a record is encoded belongs to package layout; whatever would be true of Badger
// with any other data, to package engine; encryption, to package sealed.
package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
)

// The compiler checks what package sealed relies on.
var _ storage.Backend = (*Store)(nil)

// DefaultRetention is how long finished deliveries stay when Options do not say.
const DefaultRetention = 30 * 24 * time.Hour

// errClosed is the answer to calls after Close.
var errClosed = fmt.Errorf("storage is closed: %w", webhook.ErrShuttingDown)

// Options are where the data is and how it is kept.
type Options struct {
	// Dir is the directory of the data, for this store alone. Open makes it if it is
	// missing, with mode 0700.
	Dir string
	// NoSync acknowledges writes before they are on disk, for tests and benchmarks: a
	// crash of the machine loses the latest ones.
	NoSync bool
	// Retention is how long a delivery stays after it finished; 0 for
	// DefaultRetention. At least one second.
	Retention time.Duration
	// Log receives Badger's warnings and errors; nil for none.
	Log *slog.Logger
	// Committed is called after each commit with the time that it took, its sync
	// included, before anybody hears of the commit. It must not block. Nil for none.
	Committed func(took time.Duration)
}

// withDefaults returns the options that Open uses, or what is wrong with them.
func (o Options) withDefaults() (Options, error) {
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Committed == nil {
		o.Committed = func(time.Duration) {}
	}
	switch {
	case o.Dir == "":
		return o, &webhook.FieldError{Field: "Dir", Reason: "is empty"}
	case o.Retention < time.Second:
		return o, &webhook.FieldError{Field: "Retention", Reason: "is shorter than one second"}
	}
	return o, nil
}

// Store is a storage.Backend on disk. Open makes it.
type Store struct {
	db         *engine.DB
	committer  *groupcommit.Committer[*job]
	tally      layout.Tally // of the last commit; only the committer uses it, and Open before
	backlog    *backlog
	scanStarts *scanStarts
	bodies     *storage.BodyBudget
	committed  func(took time.Duration) // Options.Committed
	log        *slog.Logger
	reaper     reaper
	opening    Opening
	ended      uint64    // the commit with which squeeze ended a log; only the committer uses it
	weighed    time.Time // when weighBodies last did
	retention  time.Duration
	lastSeq    atomic.Uint64
	// changedOutsideActor are the endpoints whose deliveries were changed from outside their
	// actor since Open; see Settle. Only the committer's plans use it.
	changedOutsideActor map[webhook.EndpointNumber]struct{}

	closing sync.Once
	closed  error
	mu      sync.Mutex
	unused  sync.Cond // signalled when reads becomes 0
	reads   int       // under way
	shut    bool
	stop    context.CancelFunc // ends the pendingCount
	counted chan struct{}      // closed when the pendingCount has ended
}

// Open opens the store in a directory, making or upgrading it as needed. It fails
// if another process has it open, if a newer version of the program wrote it, or
// if a restore into it has not finished.
func Open(o Options) (*Store, error) {
	began := time.Now()
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	if err := makeDir(o.Dir); err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	db, err := engine.Open(engine.Options{Dir: o.Dir, NoSync: o.NoSync, Log: o.Log})
	if errors.Is(err, engine.ErrInUse) {
		return nil, fmt.Errorf("open storage: %s %w", o.Dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open storage in %s: %w", o.Dir, err)
	}
	s := newStore(db, o)
	db.OnFailure(func(err error) { _ = s.committer.Break(err) }) // Err returns it
	if err := errors.Join(s.start(), s.Err()); err != nil {
		return nil, errors.Join(fmt.Errorf("open storage in %s: %w", o.Dir, err), s.Close())
	}
	s.opened(began)
	return s, nil
}

// newStore returns the store of an open database, before start.
func newStore(db *engine.DB, o Options) *Store {
	s := &Store{
		db:                  db,
		backlog:             newBacklog(),
		scanStarts:          newScanStarts(),
		bodies:              storage.NewBodyBudget(),
		committed:           o.Committed,
		log:                 o.Log,
		retention:           o.Retention,
		changedOutsideActor: map[webhook.EndpointNumber]struct{}{},
		counted:             make(chan struct{}),
		stop:                func() {},
	}
	s.committer = groupcommit.New(groupcommit.Options[*job]{Commit: s.commit, Admits: db.Admits, Full: errNoSpace, Closed: errClosed})
	s.unused.L = &s.mu
	return s
}

// start upgrades the data, finishes what a crash interrupted, and begins to count
// pending deliveries. The order matters: nothing may read before the upgrade, and no
// commit may happen before the last one is known.
func (s *Store) start() error {
	if err := upgrade(s.db); err != nil {
		return err
	}
	last, err := readLastSeq(s.db)
	if err != nil {
		return err
	}
	s.lastSeq.Store(last)
	if err := s.resumeCommits(); err != nil {
		return err
	}
	s.scanStarts.resume(last)
	if err := s.finishParts(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.startPendingCount(ctx)
	s.db.RewriteAfter(s.expiredAge())
	return nil
}

// resumeCommits continues the numbers of commits and the count of pending deliveries.
// It fails if the latest commits are missing.
func (s *Store) resumeCommits() error {
	tx := s.db.NewTransaction(false)
	defer tx.Discard()
	last, known, err := readTally(tx)
	if err != nil {
		return err
	}
	if !known {
		last.Pending = countPending(tx)
	}
	s.tally = last
	s.backlog.start(last.Pending)
	return s.db.Start(last.Commits)
}

// applied updates what is kept in memory by committed changes. The committer calls it
// before the dones, so that whoever was told of a write sees it counted.
func (s *Store) applied(changes []*change) {
	last := s.lastSeq.Load()
	for _, c := range changes {
		last = max(last, c.lastSeq)
	}
	s.lastSeq.Store(last)
	now := time.Now()
	s.db.Committed(s.tally.Commits, now)
	s.weighBodies(now)
	s.scanStarts.apply(changes)
	s.backlog.apply(changes)
}

// expiredAge is the age at which everything in a table has expired: by then Reap has
// removed the table's events, which stay as long as what was delivered.
func (s *Store) expiredAge() time.Duration { return s.retention + s.retention/10 }

// LastSeq returns the largest Seq of any ID stored.
func (s *Store) LastSeq() uint64 { return s.lastSeq.Load() }

// Broken returns a channel that is closed when the store cannot commit any more.
func (s *Store) Broken() <-chan struct{} { return s.committer.Broken() }

// Fenced returns nil: Badger gives a directory to one process only.
func (s *Store) Fenced() <-chan struct{} { return nil }

// Err returns why it cannot; nil while it can.
func (s *Store) Err() error { return s.committer.Err() }

// awaitReads refuses new reads, and returns when those under way have ended. Badger
// must not be closed before.
func (s *Store) awaitReads() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	for s.reads > 0 {
		s.unused.Wait()
	}
}

// view runs a read on a snapshot; action says what for, in the error.
func (s *Store) view(action string, read func(tx *badger.Txn) error) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	defer s.leave()
	tx := s.db.NewTransaction(false)
	defer tx.Discard()
	err := read(tx)
	if broken := s.Err(); broken != nil {
		err = broken // the read may have taken a damaged block for an empty one
	}
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// view is Store.view for a read that has a result. It returns the result with an error
// too, since a check has both.
func view[T any](s *Store, action string, read func(tx *badger.Txn) (T, error)) (out T, err error) {
	err = s.view(action, func(tx *badger.Txn) (err error) {
		out, err = read(tx)
		return err
	})
	return out, err
}

// enter keeps the files open until leave; errClosed if they are closed.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		return errClosed
	}
	s.reads++
	return nil
}

// leave ends what enter began.
func (s *Store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads--; s.reads == 0 {
		s.unused.Broadcast()
	}
}

// changeOne plans a write to one key, which depends on whether the key exists, and waits
// until it is on disk.
func (s *Store) changeOne(ctx context.Context, action string, key []byte, write func(c *change, exists bool) error) error {
	return s.update(ctx, action, func(tx *badger.Txn) (*change, error) {
		exists, err := has(tx, key)
		if err != nil {
			return nil, fmt.Errorf("look it up: %w", err)
		}
		c := &change{}
		return c, write(c, exists)
	})
}
