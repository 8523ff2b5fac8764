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
	badgeroptions "github.com/dgraph-io/badger/v4/options"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/webhook"
)

var _ storage.Store = (*Store)(nil)

// DefaultRetention is how long finished deliveries stay when Options do not say.
const DefaultRetention = 30 * 24 * time.Hour

// errClosed answers calls that come after Close.
var errClosed = fmt.Errorf("storage is closed: %w", webhook.ErrShuttingDown)

// Options say where the data is and how it is kept.
type Options struct {
	// Dir is the directory of the data, for this store alone. It is made if missing, mode 0700.
	Dir string
	// NoSync acknowledges writes before they are on disk: a crash of the machine
	// loses the latest ones. For tests and benchmarks.
	NoSync bool
	// Retention is how long a delivery stays after it finished; 0 for
	// DefaultRetention. At least one second.
	Retention time.Duration
	// Keys seal the secrets of endpoints. Open refuses to go on without one that
	// is in use. Without a ring nothing that is sealed can be read, and no endpoint
	// written: that is for checks and backups.
	Keys *keyring.Keyring
	// Log gets Badger's warnings and errors; nil for none.
	Log *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Dir == "":
		return o, &webhook.FieldError{Field: "Dir", Reason: "is empty"}
	case o.Retention < time.Second:
		return o, &webhook.FieldError{Field: "Retention", Reason: "is shorter than one second"}
	}
	return o, nil
}

// Store is a storage.Store on disk. Open makes it.
type Store struct {
	db        *badger.DB
	committer *groupcommit.Committer[*job]
	tally     tally // of the last commit; only the committer uses it, and Open before
	backlog   *backlog
	heads     *heads
	bodies    *storage.BodyBudget
	keys      *keyring.Keyring // nil without
	log       *slog.Logger
	reaper    reaper
	rekeying  rekeying
	synced    syncedMark
	room      *room
	looked    time.Time // when lookAfterFiles last did
	opening   Opening
	ended     uint64    // the commit with which squeeze ended a log; only the committer uses it
	forgot    time.Time // when forgetTables last did
	weighed   time.Time // when weighBodies last did
	retention time.Duration
	lastSeq   atomic.Uint64
	// meddled are the endpoints whose deliveries were changed from outside their
	// actor since Open; see Settle. Only the committer uses it.
	meddled map[webhook.EndpointNumber]struct{}

	closing sync.Once
	closed  error
	mu      sync.Mutex
	unused  sync.Cond // signalled when reads becomes 0
	reads   int       // under way
	shut    bool
	stop    context.CancelFunc // ends census and scrub
	counted chan struct{}      // closed when the census is over
}

// Badger's dimensions. A transaction takes up to 15 % of a memory table: enough
// for an event that matches webhook.MaxFanOut endpoints. Values never reach the
// value log: the largest event is well below its threshold of 1 MiB.
const (
	memtableSize   = 32 << 20
	blockCacheSize = 32 << 20
	indexCacheSize = 48 << 20
	valueLogSize   = 64 << 20
	// tableSize is that of tables in all levels but the first: most events stay in
	// the table that they are first merged into, and each table is an open file.
	tableSize = 16 << 20
)

func badgerOptions(o Options, log badger.Logger) badger.Options {
	verify := badgeroptions.OnBlockRead
	if !patched {
		verify = badgeroptions.OnTableRead // all of them at the start: a damaged block would read as empty
	}
	return badger.DefaultOptions(o.Dir).
		WithSyncWrites(!o.NoSync).
		WithLogger(log).
		WithDetectConflicts(false). // the committer is the only writer
		WithMetricsEnabled(false).
		WithCompression(badgeroptions.None).
		WithMemTableSize(memtableSize).
		WithBaseTableSize(tableSize).
		WithNumMemtables(3).
		WithNumCompactors(2).
		WithBlockCacheSize(blockCacheSize).
		WithIndexCacheSize(indexCacheSize).
		WithValueLogFileSize(valueLogSize).
		WithChecksumVerificationMode(verify)
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
	log := newBadgerLog(o.Log)
	room, err := roomOf(o)
	if err == nil {
		err = room.makeRoom()
	}
	if err != nil {
		return nil, fmt.Errorf("open storage in %s: %w", o.Dir, err)
	}
	db, replayed, err := openBadger(badgerOptions(o, log))
	if errors.Is(err, errInUse) {
		return nil, fmt.Errorf("open storage: %s %w", o.Dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open storage in %s: %w", o.Dir, err)
	}
	s := newStore(db, room, o)
	log.reportTo(func(err error) { _ = s.committer.Break(err) }) // Broken tells
	if err := errors.Join(s.start(), s.Err()); err != nil {
		return nil, errors.Join(fmt.Errorf("open storage in %s: %w", o.Dir, err), s.Close())
	}
	s.opened(began, replayed)
	return s, nil
}

func newStore(db *badger.DB, room *room, o Options) *Store {
	s := &Store{
		db:        db,
		backlog:   newBacklog(),
		heads:     newHeads(),
		bodies:    storage.NewBodyBudget(),
		keys:      o.Keys,
		log:       o.Log,
		retention: o.Retention,
		meddled:   map[webhook.EndpointNumber]struct{}{},
		counted:   make(chan struct{}),
		stop:      func() {},
		room:      room,
		synced:    syncedMark{dir: o.Dir},
	}
	s.committer = groupcommit.New(groupcommit.Options[*job]{Commit: s.commit, Admits: room.admits, Full: errNoRoom, Closed: errClosed})
	room.use(db)
	s.unused.L = &s.mu
	return s
}

// start brings the data up to date and begins to count what is pending.
func (s *Store) start() error {
	if err := upgrade(s.db); err != nil {
		return err
	}
	if err := s.checkKeys(); err != nil {
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
	if err := errors.Join(s.room.provide(), s.room.ballast()); err != nil {
		return err
	}
	s.heads.resume(last)
	if err := s.finishParts(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.startCensus(ctx)
	s.startScrub(ctx)
	s.expireTables()
	return nil
}

// resumeCommits goes on numbering commits and counting what is pending, unless
// the latest commits are missing.
func (s *Store) resumeCommits() error {
	tx := s.db.NewTransaction(false)
	defer tx.Discard()
	last, known, err := readTally(tx)
	if err != nil {
		return err
	}
	if !known {
		last.pending = countPending(tx)
	}
	s.tally = last
	s.backlog.start(last.pending)
	return s.synced.begin(last.commits)
}

// applied takes committed changes into what is kept in memory.
func (s *Store) applied(changes []*change) {
	last := s.lastSeq.Load()
	for _, c := range changes {
		last = max(last, c.lastSeq)
	}
	s.lastSeq.Store(last)
	s.lookAfterFiles(time.Now())
	s.heads.apply(changes)
	s.backlog.apply(changes)
}

// roomInterval is how often the disk's room is looked after.
const roomInterval = time.Second

// lookAfterFiles looks after the files beside the database, before a commit is acknowledged.
func (s *Store) lookAfterFiles(now time.Time) {
	_ = s.synced.note(s.tally.commits) // a second witness; its absence does no harm
	if s.room.turned() {
		s.provideRoom()
	}
	if now.Sub(s.looked) < roomInterval {
		return
	}
	s.looked = now
	s.weighBodies(now)
	s.forgetTables(now)
	s.provideRoom()
}

// provideRoom looks after the blocks of the log in use, and the ballast.
func (s *Store) provideRoom() {
	if err := errors.Join(s.room.provide(), s.room.ballast()); err != nil {
		_ = s.committer.Break(err) // Broken tells
	}
}

// LastSeq is the largest Seq of any ID stored.
func (s *Store) LastSeq() uint64 { return s.lastSeq.Load() }

// Broken is closed when the store cannot commit any more.
func (s *Store) Broken() <-chan struct{} { return s.committer.Broken() }

// Err tells why it cannot; nil while it can.
func (s *Store) Err() error { return s.committer.Err() }

func (s *Store) awaitReads() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	for s.reads > 0 {
		s.unused.Wait()
	}
}

// view runs a read on a snapshot; action says what for.
func (s *Store) view(action string, read func(tx *badger.Txn) error) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	defer s.leave()
	tx := s.db.NewTransaction(false)
	defer tx.Discard()
	err := read(tx)
	if broken := s.Err(); broken != nil {
		err = broken // what was read may lack what a damaged block held
	}
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// enter keeps the files open until leave.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		return errClosed
	}
	s.reads++
	return nil
}

func (s *Store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads--; s.reads == 0 {
		s.unused.Broadcast()
	}
}

// changeOne plans a write to one key by whether it exists, and waits until it is on disk.
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

// get reads one key; ErrNotFound. The value is good until read returns.
func get(tx *badger.Txn, key []byte, read func(value []byte) error) error {
	item, err := tx.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return webhook.ErrNotFound
	}
	if err != nil {
		return err
	}
	if err := item.Value(read); err != nil {
		return fmt.Errorf("key %x: %w", key, err)
	}
	return nil
}

// decoded reads the record that an iterator stands on.
func decoded[T any](it *badger.Iterator, decode func(record []byte) (T, error)) (out T, err error) {
	err = it.Item().Value(func(record []byte) error {
		out, err = decode(record)
		return err
	})
	return out, err
}

// has tells whether a key is there.
func has(tx *badger.Txn, key []byte) (bool, error) {
	_, err := tx.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	return err == nil, err
}
