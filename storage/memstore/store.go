// Package memstore keeps everything in memory, for tests of other packages and for a
// look at the program without a data directory. It passes the same conformance suite
// as badgerstore, except that nothing survives a restart.
//
// It is simple rather than fast: one lock, maps, and sorting where a disk would have
// ordered keys. Whatever would make it faster does not belong here.
package memstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
	"github.com/corpastro/astrohook/webhook/bulk"
)

var (
	_ storage.Store   = (*Store)(nil)
	_ storage.Backend = (*Store)(nil)
)

// DefaultRetention is how long finished deliveries stay when Options do not say.
const DefaultRetention = 30 * 24 * time.Hour

// keyLifetime is how long an idempotency key is remembered.
const keyLifetime = 24 * time.Hour

// errClosed is the answer to calls after Close.
var errClosed = fmt.Errorf("storage is closed: %w", webhook.ErrShuttingDown)

// Options say how long things are kept.
type Options struct {
	// Retention is how long a delivery stays after it finished; 0 for DefaultRetention.
	Retention time.Duration
	// Now returns the present time; nil for time.Now.
	Now func() time.Time
}

// Store is a storage.Store in memory. Open makes it.
type Store struct {
	retention time.Duration
	present   func() time.Time
	committer *groupcommit.Committer[*job]
	bodies    *storage.BodyBudget

	mu         sync.Mutex // guards what follows; one write or read holds it at a time
	closed     bool
	lastSeq    uint64
	lastNumber webhook.EndpointNumber
	endpoints  map[webhook.EndpointNumber]webhook.Endpoint
	types      map[string]webhook.EventType
	apiKeys    map[string]webhook.APIKey
	grants     map[string]webhook.Grant
	cursorKey  *[32]byte
	figures    map[string][]byte
	// changes is the audit, in the order of its IDs.
	changes []audit.Entry
	gates   map[webhook.EndpointNumber]webhook.GateState
	// keys has the first event of each idempotency key. Old ones are never removed:
	// a process without a disk does not live long enough.
	keys   map[publisherKey]webhook.Event
	events map[webhook.ID]webhook.Event
	// deliveries are as lists show them, with the latest attempt shortened; logs has
	// all attempts of those deliveries that have any.
	deliveries map[webhook.ID]webhook.Delivery
	jobs       map[webhook.ID]bulk.Job
	logs       map[webhook.ID][]webhook.Attempt
	// order has the IDs of events (under number 0, which no endpoint has) and of each
	// endpoint's deliveries, ascending.
	order map[webhook.EndpointNumber][]webhook.ID
}

// publisherKey is an idempotency key: two publishers may use the same text.
type publisherKey struct{ publisher, key string }

// Open returns an empty store.
func Open(o Options) *Store {
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{
		retention:  o.Retention,
		present:    o.Now,
		bodies:     storage.NewBodyBudget(),
		endpoints:  map[webhook.EndpointNumber]webhook.Endpoint{},
		types:      map[string]webhook.EventType{},
		apiKeys:    map[string]webhook.APIKey{},
		grants:     map[string]webhook.Grant{},
		figures:    map[string][]byte{},
		gates:      map[webhook.EndpointNumber]webhook.GateState{},
		keys:       map[publisherKey]webhook.Event{},
		events:     map[webhook.ID]webhook.Event{},
		deliveries: map[webhook.ID]webhook.Delivery{},
		jobs:       map[webhook.ID]bulk.Job{},
		logs:       map[webhook.ID][]webhook.Attempt{},
		order:      map[webhook.EndpointNumber][]webhook.ID{},
	}
	s.committer = groupcommit.New(groupcommit.Options[*job]{Commit: s.commit, Closed: errClosed})
	return s
}

// job is a write. It runs with the lock held; Done is called without it.
type job struct {
	groupcommit.Ticket
	write func() error
}

// commit runs one write: memory has no sync that a group could share.
func (s *Store) commit(jobs []*job) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// One at a time, so that each done comes before the next write, as tests expect.
	jobs[0].Fail(jobs[0].write())
	return 1, nil
}

// submit hands a write over and returns at once.
func (s *Store) submit(write func() error, done func(error)) {
	s.committer.Submit(&job{write: write, Ticket: groupcommit.Ticket{Done: done}})
}

// update runs a write and waits for it; action says what for, in the error. If ctx
// ends first, the write may still happen.
func (s *Store) update(ctx context.Context, action string, write func() error) error {
	if err := s.committer.Do(ctx, &job{write: write}); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// view returns what read returns; action says what for, in the error. It holds the
// lock meanwhile, so read must copy whatever a later write could change.
func view[T any](s *Store, action string, read func() (T, error)) (out T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The same answer as a store on disk gives.
	err = errClosed
	if !s.closed {
		out, err = read()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", action, err)
	}
	return out, err
}

// Broken returns a channel that is never closed: memory does not break.
func (s *Store) Broken() <-chan struct{} { return s.committer.Broken() }

// Fenced returns nil: no other process writes to the memory.
func (s *Store) Fenced() <-chan struct{} { return nil }

// Err returns nil.
func (s *Store) Err() error { return s.committer.Err() }

// Close finishes what was handed over. Later calls fail.
func (s *Store) Close() error {
	// Jobs first: they need the maps, and their dones may read.
	s.committer.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// LastSeq returns the largest Seq of any ID stored.
func (s *Store) LastSeq() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastSeq
}
