package actors

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/corpastro/astrohook/actors/survey"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// forgetful is a store whose reads leave out the deliveries in hidden, as if a lane had
// read past them.
type forgetful struct {
	storage.Store
	hidden sync.Map // of webhook.ID
}

func (f *forgetful) hide(due []webhook.Due) (shown []webhook.Due) {
	for _, one := range due {
		if _, hidden := f.hidden.Load(one.Delivery.ID); !hidden {
			shown = append(shown, one)
		}
	}
	return shown
}

func (f *forgetful) Queued(ctx context.Context, n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	due, err := f.Store.Queued(ctx, n, from, limit, maxBytes)
	return f.hide(due), err
}

func (f *forgetful) Scheduled(ctx context.Context,
	n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int,
) ([]webhook.Due, webhook.DueTime, error) {
	due, next, err := f.Store.Scheduled(ctx, n, from, now, limit, maxBytes)
	return f.hide(due), next, err
}

// TestOverlookedIsTakenUp: a read leaves out one delivery, of the retry schedule or of
// the queue, and an actor runs on or has stopped. The watchdog finds the delivery, logs
// and counts the fault, and it is sent.
func TestOverlookedIsTakenUp(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"running": time.Hour, "idle": time.Millisecond} {
		for _, status := range []webhook.Status{webhook.Queued, webhook.Retrying} {
			t.Run(name+" "+string(status), func(t *testing.T) { overlook(t, status, timeout) })
		}
	}
}

func overlook(t *testing.T, status webhook.Status, timeout time.Duration) {
	var log bytes.Buffer
	forgets := new(forgetful)
	inRig(t, func(o *Options) {
		forgets.Store = o.Store.(storage.Store)
		o.Store, o.IdleTimeout, o.Log = forgets, timeout, slog.New(slog.NewTextHandler(&log, nil))
	}, func(r *rig) {
		r.overlooks = true
		n := r.register(regular(time.Minute, 5))
		if status == webhook.Queued {
			r.setStatus(n, webhook.EndpointPaused)
		}
		r.receiver.does(n, answers(500, 0))
		id := r.publishOne(n)
		synctest.Wait()
		r.receiver.does(n, answers(200, 0))
		forgets.hidden.Store(id, true)
		if status == webhook.Queued {
			r.setStatus(n, webhook.EndpointActive)
		} else {
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Second)
		r.wantStatus(id, status, r.delivery(id).Reason, r.delivery(id).Attempts)
		forgets.hidden.Delete(id)
		time.Sleep(watchGrace + 2*watchPeriod + watchPace)
		synctest.Wait()
		if got := r.delivery(id).Status; got != webhook.Delivered {
			t.Errorf("it is %s", got)
		}
		var m dto.Metric
		if err := r.d.shared.metrics.overlooked.Write(&m); err != nil {
			t.Fatal(err)
		}
		if faults := m.GetCounter().GetValue(); faults != 1 || !strings.Contains(log.String(), webhook.DeliveryID.Format(id)) {
			t.Errorf("%v faults counted; the log: %s", faults, &log)
		}
	})
}

// TestNothingIsOverlooked: deliveries that wait for a breaker, a rate limit, a pause or
// their receiver are no fault.
func TestNothingIsOverlooked(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		for name, settings := range map[string]webhook.Settings{
			"rate":    {Rate: 0.01, Concurrency: 1},
			"breaker": {Breaker: webhook.BreakerPolicy{Failures: 1, Open: time.Hour, MaxOpen: time.Hour}},
			"pause":   {},
			"retries": regular(time.Second, 100),
		} {
			n := r.register(settings)
			r.receiver.does(n, answers(500, 0))
			if name == "pause" {
				r.setStatus(n, webhook.EndpointPaused)
			}
		}
		r.publish(50, 10)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		var m dto.Metric
		if err := r.d.shared.metrics.overlooked.Write(&m); err != nil {
			t.Fatal(err)
		}
		if faults := m.GetCounter().GetValue(); faults != 0 {
			t.Errorf("%v faults were counted", faults)
		}
	})
}

// quiet is a cluster whose other nodes say nothing.
type quiet struct{}

func (quiet) MaySend() bool     { return true }
func (quiet) MayPublish() error { return nil }
func (quiet) Version() uint64   { return 0 }
func (quiet) Offer(Hint)        {}

func (quiet) HoldRegistrations(context.Context) (func(), error) { return func() {}, nil }
func (quiet) Changes(context.Context, uint64, func(webhook.Endpoint) error) (uint64, error) {
	return 0, nil
}

// storeUnhinted stores an event as another node does of which no hint comes, and returns
// its delivery to an endpoint.
func (r *rig) storeUnhinted(n ...webhook.EndpointNumber) webhook.ID {
	r.t.Helper()
	e := webhook.Event{ID: webhook.ID{Seq: webhook.SeqAt(time.Now()), Nonce: 7}, Type: "t", Data: []byte("1"), Endpoints: n}
	stored := make(chan error, 1)
	r.store.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { stored <- err })
	if err := <-stored; err != nil {
		r.t.Fatal(err)
	}
	return e.ID.For(n[0])
}

// TestAudit: another node accepts an event, and no hint of it comes. A look at storage finds
// the delivery once it is 5 s old, and a second look a younger one, whether the endpoint has
// an actor or not. Audit has storage looked at now, and a second later. That is no fault of
// this node.
func TestAudit(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"running": time.Hour, "idle": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(o *Options) { o.Cluster, o.WatchPeriod, o.IdleTimeout = quiet{}, time.Hour, timeout }, func(r *rig) {
				r.d.GainParts(webhook.AllParts())
				n := r.register(webhook.Settings{})
				r.wantStatus(r.publishOne(n), webhook.Delivered, "", 1)
				time.Sleep(gainRounds*auditRepeat + time.Second)

				young := r.storeUnhinted(n)
				time.Sleep(time.Millisecond)
				r.d.Audit()
				r.wantStatus(young, webhook.Queued, "", 0)
				time.Sleep(auditRepeat)
				r.wantStatus(young, webhook.Delivered, "", 1)
				time.Sleep(auditRounds * auditRepeat)

				old := r.storeUnhinted(n)
				time.Sleep(hintGrace)
				r.wantStatus(old, webhook.Queued, "", 0)
				r.d.Audit()
				r.wantStatus(old, webhook.Delivered, "", 1)
				var m dto.Metric
				if err := r.d.shared.metrics.unhinted.Write(&m); err != nil || m.GetCounter().GetValue() != 2 {
					t.Errorf("%v counted, %v", m.GetCounter().GetValue(), err)
				}
			})
		})
	}
}

// TestAuditAfterGain: a hint went to the owner before, which has left. The audits that
// follow the move find the delivery within seconds.
func TestAuditAfterGain(t *testing.T) {
	inRig(t, func(o *Options) { o.Cluster, o.WatchPeriod = quiet{}, time.Hour }, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.d.GainParts(webhook.AllParts())
		time.Sleep(time.Second)
		id := r.storeUnhinted(n)
		time.Sleep(2*auditRepeat + time.Second/2)
		r.wantStatus(id, webhook.Delivered, "", 1)
	})
}

// TestAuditByItself: without anybody asking, a hint that was lost costs 5 s and a round of
// the watchdog.
func TestAuditByItself(t *testing.T) {
	inRig(t, func(o *Options) { o.Cluster = quiet{} }, func(r *rig) {
		r.d.GainParts(webhook.AllParts())
		n := r.register(webhook.Settings{})
		time.Sleep(time.Minute)
		id := r.storeUnhinted(n)
		time.Sleep(2*watchPeriod + time.Second)
		r.wantStatus(id, webhook.Delivered, "", 1)
	})
}

// TestAuditsDoNotStarve: audits are asked for faster than a round takes. Every endpoint is
// looked at all the same.
func TestAuditsDoNotStarve(t *testing.T) {
	inRig(t, func(o *Options) { o.Cluster, o.WatchPeriod = quiet{}, time.Hour }, func(r *rig) {
		r.d.GainParts(webhook.AllParts())
		var all []webhook.EndpointNumber
		release := make(chan struct{})
		for i := range 4 * watchStep {
			n := r.register(webhook.Settings{})
			if i < 2*watchStep { // these stay pending, and are looked at in each round
				r.receiver.does(n, hangs(release))
			}
			all = append(all, n)
		}
		id := r.storeUnhinted(all...)
		time.Sleep(hintGrace + time.Second)
		for range 20 {
			r.d.Audit()
			time.Sleep(auditPace / 2)
		}
		for _, n := range all[2*watchStep:] {
			r.wantStatus(id.For(n), webhook.Delivered, "", 1)
		}
		close(release)
	})
}

// TestWatchdogIsPaced: a round visits all endpoints, a bounded step at a time.
func TestWatchdogIsPaced(t *testing.T) {
	const endpoints = 3*watchStep + 5
	old := webhook.ID{Seq: webhook.SeqAt(time.Now().Add(-time.Hour))}
	asked := map[webhook.EndpointNumber]int{}
	seen := survey.New(2, time.Now())
	dog := watchdog{store: steps{endpoints: endpoints, old: old}, survey: seen, round: seen.NewRound(), counts: func() survey.Counts { return survey.Counts{} }, owned: webhook.AllParts, ask: func(w webhook.Wake) { asked[w.Endpoint]++ }}
	for step := 1; ; step++ {
		before := len(asked)
		more, err := dog.step(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(asked) - before; n > watchStep {
			t.Fatalf("step %d asked about %d endpoints", step, n)
		}
		if !more {
			if step != 4 || len(asked) != endpoints {
				t.Errorf("%d steps asked about %d endpoints of %d", step, len(asked), endpoints)
			}
			if f := seen.Findings(); !f.Oldest[webhook.EndpointActive].Equal(old.Time()) || len(f.Worst) != 1 || f.Worst[0].ClientID != "acme" {
				t.Errorf("found %+v", f)
			}
			return
		}
	}
}

// steps is a store with some endpoints, each with an old delivery in its queue.
type steps struct {
	Store
	endpoints webhook.EndpointNumber
	old       webhook.ID
}

func (s steps) Pending() int64 { return int64(s.endpoints) }

func (s steps) Wakes(_ context.Context, parts webhook.Parts, from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	for n := max(from, 1); n <= s.endpoints; n++ {
		if !parts.Has(n.Part()) {
			continue
		}
		if err := visit(webhook.Wake{Endpoint: n, Queued: s.old.For(n)}); err != nil {
			return err
		}
	}
	return nil
}

// Endpoint has the client of the second endpoint only, as if the others were gone.
func (s steps) Endpoint(_ context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	if n != 2 {
		return webhook.Endpoint{ID: webhook.ID{Endpoint: n}, DeletedAt: time.Now()}, nil
	}
	return webhook.Endpoint{ID: webhook.ID{Endpoint: n}, ClientID: "acme"}, nil
}

func (s steps) PendingOf(endpoints []webhook.EndpointNumber) int64 { return int64(len(endpoints)) }
