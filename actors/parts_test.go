package actors

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// drains begins to drain parts of a node, and returns how many have drained so far.
func (f *fleet) drains(node int, parts webhook.Parts) *atomic.Int32 {
	var count atomic.Int32
	f.nodes[node].d.DrainParts(parts, func(webhook.Part) { count.Add(1) })
	synctest.Wait()
	return &count
}

func (f *fleet) wantDrained(count *atomic.Int32, want int32, when string) {
	f.Helper()
	synctest.Wait()
	if got := count.Load(); got != want {
		f.Errorf("%s %d parts have drained, want %d", when, got, want)
	}
}

// TestDrainEndsWhatIsInFlight: a part is drained when its attempt has ended and the outcome
// is stored. Nothing starts meanwhile, and other parts do not wait. The next owner sends
// the rest, and nothing twice.
func TestDrainEndsWhatIsInFlight(t *testing.T) {
	inFleet(t, 2, nil, func(f *fleet) {
		endpoints := f.register(0, 2, webhook.Settings{Concurrency: 1})
		slow, quick := endpoints[0], endpoints[1]
		f.own(0, webhook.AllParts())
		release := make(chan struct{})
		f.receiver.does(slow, hangs(release))
		events := f.nodes[0].publish(5, 10)
		synctest.Wait()
		count := f.drains(0, partsOf(slow, quick))
		f.wantDrained(count, 1, "with an attempt in flight")
		f.nodes[0].store.Hold()
		close(release)
		f.wantDrained(count, 1, "before the outcome is stored")
		f.nodes[0].store.Release()
		f.wantDrained(count, 2, "at the end")
		if got := len(f.receiver.sent(slow)); got != 1 {
			t.Errorf("%d attempts were made, of which one was in flight", got)
		}
		later := f.nodes[0].publish(1, 10)[0] // to nobody: both parts are free
		f.own(1, partsOf(slow, quick))
		f.wantOnce(endpoints, append(events, later))
		if f.running(0) != 0 {
			t.Error("the old owner runs actors")
		}
	})
}

// TestDrainOfNothing: parts that have no work, or are not this node's, have drained at once.
func TestDrainOfNothing(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		f.wantDrained(f.drains(0, webhook.AllParts()), webhook.PartCount, "without endpoints")
	})
}

// TestDrainWaitsForSavedGate: the breaker's state is stored before the part is another
// node's, which would else be overwritten.
func TestDrainWaitsForSavedGate(t *testing.T) {
	var gates heldGates
	inFleet(t, 1, func(_ int, o *Options) {
		gates.Store = o.Store.(storage.Store)
		o.Store = &gates
	}, func(f *fleet) {
		n := f.register(0, 1, webhook.Settings{Breaker: webhook.BreakerPolicy{Failures: 1, Open: time.Hour}})[0]
		f.own(0, webhook.AllParts())
		f.receiver.does(n, answers(500, 0))
		f.nodes[0].publish(1, 10)
		synctest.Wait()
		gates.wait.Store(true)
		f.nodes[0].change(n, func(e *webhook.Endpoint) { e.GateSince = e.Revision + 1 })
		synctest.Wait()
		count := f.drains(0, partsOf(n))
		f.wantDrained(count, 0, "while the gate is being saved")
		time.Sleep(time.Minute)
		f.wantDrained(count, 1, "at the end")
	})
}

// heldGates is a store that saves gates late.
type heldGates struct {
	storage.Store
	wait atomic.Bool
}

func (h *heldGates) SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error)) {
	if h.wait.Load() {
		time.AfterFunc(30*time.Second, func() { h.Store.SaveGate(n, g, done) })
		return
	}
	h.Store.SaveGate(n, g, done)
}

// TestHandOverUnderLoad: parts move between nodes at random while events are published and
// some receivers are slow or fail. Every delivery arrives, and none is sent twice.
func TestHandOverUnderLoad(t *testing.T) {
	inFleet(t, 3, nil, func(f *fleet) {
		endpoints := f.register(0, 12, webhook.Settings{Concurrency: 2})
		for i, n := range endpoints {
			f.receiver.does(n, answers(200, time.Duration(i)*7*time.Millisecond))
		}
		f.spread()
		random := rand.New(rand.NewPCG(1, 2))
		var events []webhook.ID
		for range 300 {
			events = append(events, f.nodes[random.IntN(3)].publish(1, 10)...)
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
			n := endpoints[random.IntN(len(endpoints))]
			f.mu.Lock()
			from := f.owner[n.Part()]
			f.mu.Unlock()
			f.move(from, random.IntN(3), partsOf(n))
		}
		time.Sleep(time.Minute)
		f.wantOnce(endpoints, events)
	})
}

// TestLateHintAfterHandOver: hints come so late that the part has moved, and the owner
// before has delivered everything. The new owner sends nothing again.
func TestLateHintAfterHandOver(t *testing.T) {
	inFleet(t, 3, nil, func(f *fleet) {
		endpoints := f.register(0, 4, webhook.Settings{})
		f.own(0, webhook.AllParts())
		var late []Hint
		f.hints = func(h Hint) []Hint {
			late = append(late, h)
			return []Hint{h}
		}
		events := f.nodes[2].publish(10, 10)
		f.wantOnce(endpoints, events)
		f.move(0, 1, webhook.AllParts())
		f.nodes[1].d.Offer(late)
		f.wantOnce(endpoints, events)
		f.nodes[0].d.Offer(late) // which passes them on
		time.Sleep(time.Second)
		f.wantOnce(endpoints, append(events, f.nodes[2].publish(10, 10)...))
	})
}

// TestDropAndGainAgain: a part that is lost, and won again before its attempt has ended, is
// delivered to the end once that has.
func TestDropAndGainAgain(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		endpoints := f.register(0, 1, webhook.Settings{Concurrency: 1})
		f.own(0, webhook.AllParts())
		f.receiver.does(endpoints[0], answers(200, 10*time.Second))
		events := f.nodes[0].publish(3, 10)
		synctest.Wait()
		f.nodes[0].d.DropParts(webhook.AllParts())
		f.own(0, webhook.AllParts())
		time.Sleep(30*time.Second + time.Millisecond) // three attempts, without a wait for an audit
		f.wantOnce(endpoints, events)
	})
}

// TestStopWhileParting: a stop while parts drain waits for the same attempts.
func TestStopWhileParting(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		n := f.register(0, 1, webhook.Settings{})[0]
		f.own(0, webhook.AllParts())
		f.receiver.does(n, answers(200, 5*time.Second))
		id := f.nodes[0].publishOne(n)
		synctest.Wait()
		count := f.drains(0, webhook.AllParts())
		f.wantDrained(count, webhook.PartCount-1, "with an attempt in flight")
		ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
		defer cancel()
		if err := f.nodes[0].d.Stop(ctx); err != nil {
			t.Error(err)
		}
		f.wantDrained(count, webhook.PartCount, "after the stop")
		f.nodes[0].wantStatus(id, webhook.Delivered, "", 1)
	})
}

// TestPanicWhileParting: an actor that panics while it drains is replaced by one that
// records what was in flight, and the part drains all the same.
func TestPanicWhileParting(t *testing.T) {
	var panics atomic.Bool
	inFleet(t, 2, func(node int, o *Options) {
		h := &hook{Store: o.Store.(storage.Store)}
		if node == 0 {
			h.settle = func(webhook.Settlement) {
				if panics.Swap(false) {
					panic("settle")
				}
			}
		}
		o.Store = h
	}, func(f *fleet) {
		endpoints := f.register(0, 1, webhook.Settings{Concurrency: 2})
		f.own(0, webhook.AllParts())
		f.receiver.does(endpoints[0], func(c call) webhook.Attempt {
			time.Sleep(time.Duration(len(f.receiver.sent(c.id.Endpoint))) * 5 * time.Second)
			return webhook.Attempt{StatusCode: 200}
		})
		events := f.nodes[0].publish(2, 10)
		synctest.Wait()
		panics.Store(true)
		count := f.drains(0, webhook.AllParts())
		time.Sleep(time.Minute)
		f.wantDrained(count, webhook.PartCount, "after the panic")
		f.receiver.does(endpoints[0], nil)
		f.own(1, webhook.AllParts())
		synctest.Wait()
		// The delivery whose handling panicked was not recorded: it is sent again.
		delivered := 0
		for _, id := range events {
			if f.nodes[1].delivery(id.For(endpoints[0])).Status == webhook.Delivered {
				delivered++
			}
		}
		if sent := len(f.receiver.sent(endpoints[0])); delivered != 2 || sent != 3 {
			t.Errorf("%d of 2 are delivered, after %d attempts, want 3", delivered, sent)
		}
	})
}

// TestNoLeaseNoAttempt: while the node's lease does not hold no attempt starts. What waits
// is sent soon after it holds again, without a message.
func TestNoLeaseNoAttempt(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		endpoints := f.register(0, 2, webhook.Settings{})
		f.own(0, webhook.AllParts())
		f.links[0].noLease.Store(true)
		events := f.nodes[0].publish(3, 10)
		time.Sleep(time.Hour)
		if got := len(f.receiver.sent(endpoints[0])); got != 0 {
			t.Fatalf("%d attempts without a lease", got)
		}
		f.links[0].noLease.Store(false)
		time.Sleep(leaseLook)
		f.wantOnce(endpoints, events)
	})
}

// TestClusterRefusesEvents: the cluster's reason is the publisher's answer, and nothing is
// stored.
func TestClusterRefusesEvents(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		var refusal error = &webhook.RetryAfterError{Err: webhook.ErrUnavailable, After: time.Second}
		f.links[0].refuses.Store(&refusal)
		_, err := f.nodes[0].d.Publish(f.Context(), []webhook.Event{{Type: "a", Data: []byte("1")}})
		wantError(t, err, refusal)
		if last := f.versioned.LastSeq(); last != 0 {
			t.Error("something was stored")
		}
	})
}

// TestFencedNode: an outcome that storage refuses because the node was fenced is nothing
// that it could repeat: it sends nothing more.
func TestFencedNode(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		n := f.register(0, 1, webhook.Settings{Concurrency: 1})[0]
		f.own(0, webhook.AllParts())
		f.receiver.does(n, answers(200, time.Second))
		f.nodes[0].publish(9, 10)
		f.nodes[0].store.FailNext(1, webhook.ErrFenced)
		time.Sleep(time.Hour)
		if got := len(f.receiver.sent(n)); got > 2 { // the next one starts while the outcome is being stored
			t.Errorf("%d attempts were made", got)
		}
	})
}

// TestStoreIsUnavailable: when storage cannot be reached at the start, and when parts are
// gained, the dispatcher tries again, and what is pending is sent.
func TestStoreIsUnavailable(t *testing.T) {
	var failures atomic.Int32
	inFleet(t, 1, func(_ int, o *Options) {
		h := &hook{Store: o.Store.(storage.Store)}
		store := h.Store
		h.wakes = func(visit func(webhook.Wake) error) error {
			if failures.Add(-1) >= 0 {
				return webhook.ErrUnavailable
			}
			return store.Wakes(context.Background(), webhook.AllParts(), 0, visit)
		}
		o.Store = h
	}, func(f *fleet) {
		endpoints := f.register(0, 2, webhook.Settings{})
		events := f.nodes[0].publish(3, 10)
		failures.Store(1)
		f.own(0, webhook.AllParts())
		time.Sleep(readRetry + time.Millisecond) // too early for an audit
		f.wantOnce(endpoints, events)
		select {
		case <-f.nodes[0].d.Failed():
			t.Error("the dispatcher failed:", f.nodes[0].d.Err())
		default:
		}
	})
}

// TestRequestsElsewhere: a node that does not own an endpoint changes none of its
// deliveries, answers questions from storage, and has a replay's deliveries sent by the
// owner at once.
func TestRequestsElsewhere(t *testing.T) {
	inFleet(t, 2, nil, func(f *fleet) {
		n := f.register(0, 1, webhook.Settings{Retry: webhook.RetryPolicy{MaxAttempts: 1}})[0]
		f.own(1, webhook.AllParts())
		f.receiver.does(n, answers(500, 0))
		id := f.nodes[0].publishOne(n)
		synctest.Wait()
		d := f.nodes[0].d
		for _, change := range []func(context.Context, webhook.ID) (webhook.Delivery, error){d.Retry, d.Cancel} {
			_, err := change(f.Context(), id)
			wantError(t, err, webhook.ErrUnavailable)
			if _, later := errors.AsType[*webhook.RetryAfterError](err); !later {
				t.Error("the error does not say when to come again:", err)
			}
		}
		if p, err := d.Progress(f.Context(), n); err != nil || len(p.Started) != 0 {
			t.Errorf("%+v, %v", p, err)
		}
		if h, err := d.Health(f.Context(), n); err != nil || h.Backlog.Queued != 0 {
			t.Errorf("%+v, %v", h, err)
		}
		f.receiver.does(n, nil)
		if count, _, err := d.Replay(f.Context(), webhook.DeliveryQuery{Endpoint: n, Status: webhook.Failed, Limit: 10}); count != 1 || err != nil {
			t.Error(count, err)
		}
		f.nodes[0].wantStatus(id, webhook.Delivered, "", 2)
		if f.running(0) != 0 {
			t.Error("an actor was started by a node that does not own the endpoint")
		}
	})
}
