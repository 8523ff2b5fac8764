package storagetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// Faulty is a store that fails on command. Without commands it behaves as the store
// that it wraps. It calls dones in order, as the contract says, but from goroutines
// of its own.
type Faulty struct {
	storage.Store
	broken chan struct{}

	mu       sync.Mutex
	idle     sync.Cond // signalled when answers becomes empty
	failures int
	failure  error
	cause    error // of Break
	held     bool
	closing  bool
	draining bool
	answers  []*answer
}

// answer is a done that waits until those before it were called.
type answer struct {
	ready bool
	call  func()
}

// NewFaulty wraps a store. Closing the result closes that store.
func NewFaulty(s storage.Store) *Faulty {
	f := &Faulty{Store: s, broken: make(chan struct{})}
	f.idle.L = &f.mu
	return f
}

// FailNext makes the next n writes fail with err. Nothing of them is stored, and the
// store is not broken.
func (f *Faulty) FailNext(n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures, f.failure = n, err
}

// Break makes every later write fail with webhook.ErrBroken, as a failed commit does.
func (f *Faulty) Break(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause == nil {
		f.cause = fmt.Errorf("%w: commit: %w", webhook.ErrBroken, cause)
		close(f.broken)
	}
}

// Hold delays all dones until Release, as a slow disk does. Writes are stored
// meanwhile.
func (f *Faulty) Hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = true
}

// Release ends Hold.
func (f *Faulty) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = false
	f.drainLocked()
}

// fault returns the error of the next write; nil if it shall not fail.
func (f *Faulty) fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause != nil {
		return f.cause
	}
	if f.failures > 0 {
		f.failures--
		return f.failure
	}
	return nil
}

// expect takes a place in the order of dones. The caller passes the done to the
// function that expect returns, once the wrapped store has called it.
func (f *Faulty) expect() func(call func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &answer{}
	f.answers = append(f.answers, a)
	return func(call func()) {
		f.mu.Lock()
		defer f.mu.Unlock()
		a.ready, a.call = true, call
		f.drainLocked()
	}
}

// drainLocked starts a goroutine that calls the dones that are ready, unless one runs.
func (f *Faulty) drainLocked() {
	if !f.draining {
		f.draining = true
		go f.drain()
	}
}

func (f *Faulty) drain() {
	for call := f.take(); call != nil; call = f.take() {
		call()
	}
}

// take returns the next done that may be called; nil if there is none.
func (f *Faulty) take() func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.answers) == 0 || !f.answers[0].ready || f.held && !f.closing {
		f.draining = false
		f.idle.Broadcast()
		return nil
	}
	a := f.answers[0]
	f.answers = f.answers[1:]
	return a.call
}

// Accept stores events, or fails.
func (f *Faulty) Accept(events []webhook.Event, matched uint64, done func([]webhook.Receipt, error)) {
	answer := f.expect()
	if err := f.fault(); err != nil {
		answer(func() { done(nil, err) })
		return
	}
	f.Store.Accept(events, matched, func(receipts []webhook.Receipt, err error) {
		answer(func() { done(receipts, err) })
	})
}

// write passes a write to the wrapped store, or fails.
func (f *Faulty) write(pass func(done func(error)), done func(error)) {
	answer := f.expect()
	if err := f.fault(); err != nil {
		answer(func() { done(err) })
		return
	}
	pass(func(err error) { answer(func() { done(err) }) })
}

// Settle moves a delivery, or fails.
func (f *Faulty) Settle(s webhook.Settlement, done func(error)) {
	f.write(func(done func(error)) { f.Store.Settle(s, done) }, done)
}

// SaveGate keeps a breaker's state, or fails.
func (f *Faulty) SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error)) {
	f.write(func(done func(error)) { f.Store.SaveGate(n, g, done) }, done)
}

// CreateEndpoint stores a new endpoint, or fails.
func (f *Faulty) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	if err := f.fault(); err != nil {
		return webhook.Endpoint{}, err
	}
	return f.Store.CreateEndpoint(ctx, e)
}

// UpdateEndpoint changes an endpoint, or fails.
func (f *Faulty) UpdateEndpoint(
	ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	if err := f.fault(); err != nil {
		return webhook.Endpoint{}, err
	}
	return f.Store.UpdateEndpoint(ctx, n, change)
}

// Reencrypt encrypts endpoints again, or fails.
func (f *Faulty) Reencrypt(ctx context.Context, limit int) (int, error) {
	if err := f.fault(); err != nil {
		return 0, err
	}
	return f.Store.Reencrypt(ctx, limit)
}

// CreateEventType adds an event type, or fails.
func (f *Faulty) CreateEventType(ctx context.Context, t webhook.EventType) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.CreateEventType(ctx, t)
}

// UpdateEventType changes an event type, or fails.
func (f *Faulty) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.UpdateEventType(ctx, t)
}

// DeleteEventType removes an event type, or fails.
func (f *Faulty) DeleteEventType(ctx context.Context, name string) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.DeleteEventType(ctx, name)
}

// CreateAPIKey adds an API key, or fails.
func (f *Faulty) CreateAPIKey(ctx context.Context, k webhook.APIKey) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.CreateAPIKey(ctx, k)
}

// DeleteAPIKey removes an API key, or fails.
func (f *Faulty) DeleteAPIKey(ctx context.Context, id string) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.DeleteAPIKey(ctx, id)
}

// CreateGrant adds a grant, or fails.
func (f *Faulty) CreateGrant(ctx context.Context, g webhook.Grant) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.CreateGrant(ctx, g)
}

// RedeemGrant exchanges a link, or fails.
func (f *Faulty) RedeemGrant(ctx context.Context, link string, session webhook.Grant) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.RedeemGrant(ctx, link, session)
}

// DeleteGrant removes a grant, or fails.
func (f *Faulty) DeleteGrant(ctx context.Context, id string) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.DeleteGrant(ctx, id)
}

// AppendAudit records a change, or fails.
func (f *Faulty) AppendAudit(ctx context.Context, e audit.Entry) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.AppendAudit(ctx, e)
}

// SaveFigures keeps what a server has counted, or fails.
func (f *Faulty) SaveFigures(ctx context.Context, name string, value []byte) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.SaveFigures(ctx, name, value)
}

// CursorKey keeps a cursor key, or fails.
func (f *Faulty) CursorKey(ctx context.Context, offered [32]byte) ([32]byte, error) {
	if err := f.fault(); err != nil {
		return [32]byte{}, err
	}
	return f.Store.CursorKey(ctx, offered)
}

// Requeue puts a delivery back into the queue, or fails.
func (f *Faulty) Requeue(ctx context.Context, id webhook.ID) (webhook.Due, error) {
	if err := f.fault(); err != nil {
		return webhook.Due{}, err
	}
	return f.Store.Requeue(ctx, id)
}

// Cancel ends a delivery, or fails.
func (f *Faulty) Cancel(
	ctx context.Context, id webhook.ID, reason webhook.Reason, now time.Time,
) (webhook.Delivery, error) {
	if err := f.fault(); err != nil {
		return webhook.Delivery{}, err
	}
	return f.Store.Cancel(ctx, id, reason, now)
}

// Replay requeues finished deliveries, or fails.
func (f *Faulty) Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	if err := f.fault(); err != nil {
		return 0, webhook.ID{}, err
	}
	return f.Store.Replay(ctx, q)
}

// CancelPending cancels deliveries, or fails.
func (f *Faulty) CancelPending(
	ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int,
) (int, error) {
	if err := f.fault(); err != nil {
		return 0, err
	}
	return f.Store.CancelPending(ctx, n, reason, now, limit)
}

// CreateJob stores a new job, or fails.
func (f *Faulty) CreateJob(ctx context.Context, j bulk.Job) (webhook.ID, error) {
	if err := f.fault(); err != nil {
		return webhook.ID{}, err
	}
	return f.Store.CreateJob(ctx, j)
}

// UpdateJob changes a job, or fails.
func (f *Faulty) UpdateJob(ctx context.Context, id webhook.ID, change func(*bulk.Job) error) (bulk.Job, error) {
	if err := f.fault(); err != nil {
		return bulk.Job{}, err
	}
	return f.Store.UpdateJob(ctx, id, change)
}

// AdvanceJob makes a step of a job, or fails.
func (f *Faulty) AdvanceJob(ctx context.Context, id webhook.ID, s bulk.Step) (bulk.Job, int, error) {
	if err := f.fault(); err != nil {
		return bulk.Job{}, 0, err
	}
	return f.Store.AdvanceJob(ctx, id, s)
}

// Reap removes what has expired, or fails.
func (f *Faulty) Reap(ctx context.Context, now time.Time, limit int) (bool, error) {
	if err := f.fault(); err != nil {
		return false, err
	}
	return f.Store.Reap(ctx, now, limit)
}

// Broken is closed by Break, or when the wrapped store breaks first.
func (f *Faulty) Broken() <-chan struct{} {
	select {
	case <-f.Store.Broken():
		return f.Store.Broken()
	default:
		return f.broken
	}
}

// Err returns why the store is broken; nil while it is not.
func (f *Faulty) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause != nil {
		return f.cause
	}
	return f.Store.Err()
}

// Close ends Hold and closes the wrapped store.
func (f *Faulty) Close() error {
	f.mu.Lock()
	f.closing = true
	f.drainLocked()
	f.mu.Unlock()
	err := f.Store.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.answers) > 0 || f.draining {
		f.idle.Wait()
	}
	return err
}
