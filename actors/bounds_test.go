package actors

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// TestMemoryBound: far more is published than fits into memory. What is held stays
// bounded, and in the end everything was sent exactly once.
func TestMemoryBound(t *testing.T) {
	const limit, size, endpoints = 1 << 20, 8 << 10, 3
	inRig(t, func(o *Options) { o.MaxPayloadMemory = limit }, func(r *rig) {
		release := make(chan struct{})
		var all []webhook.EndpointNumber
		for range endpoints {
			n := r.register(webhook.Settings{Timeout: time.Hour})
			r.receiver.does(n, hangs(release))
			all = append(all, n)
		}
		// A read takes its bytes before it knows how many there are, and each endpoint may hold one delivery more.
		const slack = endpoints * (size + size)
		var ids []webhook.ID
		most := int64(0)
		for range 40 {
			ids = append(ids, r.publish(50, size)...)
			most = max(most, r.d.shared.budget.InUse())
			synctest.Wait()
			most = max(most, r.d.shared.budget.InUse())
		}
		if quiet := r.d.shared.budget.InUse(); quiet > limit+slack {
			t.Errorf("%d bytes are held, of %d", quiet, limit)
		}
		close(release)
		for range 1000 {
			time.Sleep(time.Microsecond)
			most = max(most, r.d.shared.budget.InUse())
		}
		if most > limit+slack || most < limit/2 {
			t.Errorf("at most %d bytes were held, of %d", most, limit)
		}
		time.Sleep(time.Minute)
		for _, n := range all {
			r.wantOnce(n, ids)
		}
	})
}

// TestInboxBound: an actor that takes nothing from its inbox is offered a bounded number of deliveries.
func TestInboxBound(t *testing.T) {
	const size = 100
	release := make(chan struct{})
	inRig(t, func(o *Options) {
		open := o.Open
		release = make(chan struct{})
		o.Open = func(e webhook.Endpoint, s webhook.Settings) (Target, error) {
			<-release
			return open(e, s)
		}
	}, func(r *rig) {
		n := r.register(webhook.Settings{})
		var ids []webhook.ID
		for range 50 {
			ids = append(ids, r.publish(100, size)...)
			synctest.Wait()
		}
		if used := r.d.shared.budget.InUse(); used > (maxUnseen+lane.MinWindow)*size || used < maxUnseen*size/2 {
			t.Errorf("%d bytes are in an inbox that may hold %d deliveries of %d", used, maxUnseen, size)
		}
		close(release)
		time.Sleep(time.Minute)
		r.wantOnce(n, ids)
	})
}

// TestBudgetIsNotOneEndpoints: one endpoint has used up all memory. The others make
// progress, one delivery at a time, and do not read in a loop.
func TestBudgetIsNotOneEndpoints(t *testing.T) {
	const limit = 1 << 20
	var reads atomic.Int32
	h := &hook{queued: func() {
		if reads.Add(1) > 20_000 {
			time.Sleep(time.Hour) // time passes only when nobody spins
		}
	}}
	inRig(t, func(o *Options) { h.Store, o.Store = o.Store.(storage.Store), h; o.MaxPayloadMemory = limit }, func(r *rig) {
		greedy := r.register(webhook.Settings{Timeout: time.Hour})
		release := make(chan struct{})
		r.receiver.does(greedy, hangs(release))
		hog := r.publish(100, 200<<10)
		synctest.Wait()
		modest := r.register(webhook.Settings{})
		r.receiver.does(modest, answers(200, time.Millisecond))
		r.setStatus(greedy, webhook.EndpointDisabled)
		idle := r.register(webhook.Settings{})
		r.setStatus(idle, webhook.EndpointPaused)
		r.publish(1, 2)
		r.setStatus(greedy, webhook.EndpointActive)
		r.setStatus(idle, webhook.EndpointActive)

		r.setStatus(greedy, webhook.EndpointDisabled)
		ids := r.publish(200, 1000)
		time.Sleep(30 * time.Second)
		if used := r.d.shared.budget.InUse(); used < limit/2 {
			t.Fatal("only", used, "bytes are held: the test shows nothing")
		}
		for _, id := range ids {
			r.wantStatus(id.For(modest), webhook.Delivered, "", 1)
		}
		if n := reads.Load(); n > 2000 {
			t.Error(n, "reads for some hundred deliveries")
		}
		r.setStatus(greedy, webhook.EndpointActive)
		close(release)
		time.Sleep(time.Minute)
		for _, id := range hog {
			r.wantStatus(id.For(greedy), webhook.Delivered, "", 1)
		}
	})
}

// TestProvenFindPermits: many endpoints hang and take all permits they can. Those that
// answer keep their pace.
func TestProvenFindPermits(t *testing.T) {
	inRig(t, func(o *Options) { o.MaxInFlight = 16 }, func(r *rig) {
		healthy := r.register(webhook.Settings{})
		r.receiver.does(healthy, answers(200, 10*time.Millisecond))
		warm := r.publish(20, 2)
		time.Sleep(time.Second)
		r.wantOnce(healthy, warm)
		release := make(chan struct{})
		for range 30 {
			n := r.register(webhook.Settings{Timeout: time.Minute})
			r.receiver.does(n, hangs(release))
		}
		r.publish(20, 2)
		synctest.Wait()
		start := time.Now()
		ids := r.publish(80, 2)
		time.Sleep(time.Second)
		for _, id := range ids {
			r.wantStatus(id.For(healthy), webhook.Delivered, "", 1)
		}
		calls := r.receiver.sent(healthy)
		if last := calls[len(calls)-1].at.Sub(start); last > 200*time.Millisecond {
			t.Error("with half of 16 permits, 10 ms each, 80 deliveries took", last)
		}
		close(release)
		time.Sleep(time.Hour)
	})
}

// TestNewcomerCatchesUp: an endpoint that has not answered yet waits for a permit behind
// others that hang. Once it has answered it waits no longer.
func TestNewcomerCatchesUp(t *testing.T) {
	inRig(t, func(o *Options) { o.MaxInFlight = 4 }, func(r *rig) {
		newcomer := r.register(webhook.Settings{})
		r.receiver.does(newcomer, answers(200, 200*time.Millisecond))
		r.change(newcomer, func(e *webhook.Endpoint) { e.ClientID = "newcomer" })
		ids := r.publishTo("newcomer", 1)
		synctest.Wait()
		release := make(chan struct{})
		for range 10 {
			n := r.register(webhook.Settings{Timeout: time.Hour})
			r.receiver.does(n, hangs(release))
		}
		r.publishTo("acme", 10)
		time.Sleep(100 * time.Millisecond)
		ids = append(ids, r.publishTo("newcomer", 10)...)
		time.Sleep(3 * time.Second)
		r.wantOnce(newcomer, ids)
		close(release)
		time.Sleep(time.Hour)
	})
}

// TestConcurrencyBound: no endpoint gets more requests at a time than it allows.
func TestConcurrencyBound(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{Concurrency: 5})
		var flying, most atomic.Int32
		r.receiver.does(n, func(call) webhook.Attempt {
			most.Store(max(most.Load(), flying.Add(1)))
			defer flying.Add(-1)
			time.Sleep(time.Millisecond)
			return webhook.Attempt{StatusCode: 200}
		})
		ids := r.publish(200, 2)
		time.Sleep(time.Second)
		r.wantOnce(n, ids)
		if most.Load() != 5 {
			t.Error(most.Load(), "at a time")
		}
	})
}
