// Package memstore keeps everything in memory: for tests, and for a look at the
// program without a data directory. It means the same as badgerstore, but for
// surviving a restart; it is simple rather than fast.
package memstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

var _ storage.Store = (*Store)(nil)

// DefaultRetention is how long finished deliveries stay when Options do not say.
const DefaultRetention = 30 * 24 * time.Hour

// keyLifetime is how long an idempotency key is remembered.
const keyLifetime = 24 * time.Hour

var errClosed = fmt.Errorf("storage is closed: %w", webhook.ErrShuttingDown)

// Options say how long things are kept.
type Options struct {
	// Retention is how long a delivery stays after it finished; 0 for DefaultRetention.
	Retention time.Duration
}

// Store is a storage.Store in memory. Open makes it.
type Store struct {
	retention time.Duration
	broken    chan struct{} // never closed: memory does not break
	bodies    *storage.BodyBudget

	mu         sync.Mutex // guards what follows; held for one write or read at a time
	idle       sync.Cond  // signalled when accepted becomes 0
	waiting    []*job
	running    bool
	closed     bool
	accepted   int
	lastSeq    uint64
	lastNumber webhook.EndpointNumber
	endpoints  map[webhook.EndpointNumber]webhook.Endpoint
	types      map[string]webhook.EventType
	apiKeys    map[string]webhook.APIKey
	cursorKey  *[32]byte
	gates      map[webhook.EndpointNumber]webhook.GateState
	keys       map[publisherKey]webhook.Event
	events     map[webhook.ID]webhook.Event
	// deliveries are as lists show them; logs are the attempts of those that have any.
	deliveries map[webhook.ID]webhook.Delivery
	logs       map[webhook.ID][]webhook.Attempt
	// order has the IDs of events (under 0) and of each endpoint's deliveries, ascending.
	order map[webhook.EndpointNumber][]webhook.ID
}

type publisherKey struct{ publisher, key string }

// Open makes an empty store.
func Open(o Options) *Store {
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	s := &Store{
		retention:  o.Retention,
		broken:     make(chan struct{}),
		bodies:     storage.NewBodyBudget(),
		endpoints:  map[webhook.EndpointNumber]webhook.Endpoint{},
		types:      map[string]webhook.EventType{},
		apiKeys:    map[string]webhook.APIKey{},
		gates:      map[webhook.EndpointNumber]webhook.GateState{},
		keys:       map[publisherKey]webhook.Event{},
		events:     map[webhook.ID]webhook.Event{},
		deliveries: map[webhook.ID]webhook.Delivery{},
		logs:       map[webhook.ID][]webhook.Attempt{},
		order:      map[webhook.EndpointNumber][]webhook.ID{},
	}
	s.idle.L = &s.mu
	return s
}

// job is a write; it runs with the lock held, and done without.
type job struct {
	write   func() error
	done    func(error)
	refused bool
}

// submit hands a write over. One goroutine runs while there are any.
func (s *Store) submit(write func() error, done func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := &job{write: write, done: done, refused: s.closed}
	if !j.refused {
		s.accepted++
	}
	s.waiting = append(s.waiting, j)
	if !s.running {
		s.running = true
		go s.run()
	}
}

func (s *Store) run() {
	for {
		j, err := s.step()
		if j == nil {
			return
		}
		j.done(err)
		s.finished(j)
	}
}

// step runs the next write; nil if there is none.
func (s *Store) step() (*job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.running = false
		return nil, nil
	}
	j := s.waiting[0]
	s.waiting[0] = nil // it is not kept in memory
	s.waiting = s.waiting[1:]
	if j.refused {
		return j, errClosed
	}
	return j, j.write()
}

func (s *Store) finished(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.refused {
		return
	}
	if s.accepted--; s.accepted == 0 {
		s.idle.Broadcast()
	}
}

// update runs a write and waits for it.
func (s *Store) update(ctx context.Context, action string, write func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	done := make(chan error, 1)
	s.submit(write, func(err error) { done <- err })
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s: %w", action, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", action, ctx.Err())
	}
}

// view runs a read with the lock held.
func (s *Store) view(action string, read func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errClosed
	if !s.closed {
		err = read()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// Broken is never closed.
func (s *Store) Broken() <-chan struct{} { return s.broken }

// Err is always nil.
func (s *Store) Err() error { return nil }

// Close finishes what was handed over. Later calls fail.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.accepted > 0 {
		s.idle.Wait()
	}
	return nil
}

// LastSeq is the largest Seq of any ID stored.
func (s *Store) LastSeq() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastSeq
}
