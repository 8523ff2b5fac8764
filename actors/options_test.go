package actors

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
)

// complete returns options that New accepts.
func complete(t *testing.T) Options {
	t.Helper()
	store := memstore.Open(memstore.Options{})
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return Options{
		Store: store, Open: newReceiver().open, Abort: func() {}, Sequence: new(webhook.Sequence),
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}
}

// TestOptionsAreNeeded: a dispatcher without one of its parts is refused, and the error
// names the options.
func TestOptionsAreNeeded(t *testing.T) {
	for name, remove := range map[string]func(*Options){
		"Store":    func(o *Options) { o.Store = nil },
		"Open":     func(o *Options) { o.Open = nil },
		"Abort":    func(o *Options) { o.Abort = nil },
		"Sequence": func(o *Options) { o.Sequence = nil },
		"Log":      func(o *Options) { o.Log = nil },
		"Metrics":  func(o *Options) { o.Metrics = nil },
	} {
		o := complete(t)
		remove(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	if _, err := New(complete(t)); err != nil {
		t.Error(err)
	}
}

// TestOptionsDefaults: limits of zero or less mean the default; set ones stay.
func TestOptionsDefaults(t *testing.T) {
	type limits struct {
		inFlight                    int
		pending, memory, publishing int64
		watch, idle                 time.Duration
	}
	of := func(o Options) limits {
		o, err := o.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		return limits{o.MaxInFlight, o.MaxPending, o.MaxPayloadMemory, o.MaxPublishing, o.WatchPeriod, o.IdleTimeout}
	}
	defaults := limits{4096, 50_000_000, 64 << 20, 64 << 20, 5 * time.Second, 30 * time.Second}
	unset, negative, set := complete(t), complete(t), complete(t)
	negative.MaxInFlight, negative.MaxPending, negative.MaxPayloadMemory, negative.MaxPublishing = -1, -1, -1, -1
	negative.WatchPeriod, negative.IdleTimeout = -1, -1
	set.MaxInFlight, set.MaxPending, set.MaxPayloadMemory, set.MaxPublishing = 1, 2, 3, 4
	set.WatchPeriod, set.IdleTimeout = 5, 6
	for _, c := range []struct {
		name    string
		options Options
		want    limits
	}{
		{"unset", unset, defaults}, {"negative", negative, defaults}, {"set", set, limits{1, 2, 3, 4, 5, 6}},
	} {
		if got := of(c.options); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	o, _ := unset.withDefaults()
	if got := o.ClientLimits("anybody"); got != (webhook.ClientLimits{}) {
		t.Errorf("without limits of clients: %+v", got)
	}
	if o.Defaults != webhook.DefaultSettings() {
		t.Errorf("settings of endpoints: %+v", o.Defaults)
	}
}

// TestSetDefaults: endpoints with an actor follow new defaults at once and those without
// at their next question or work; what an endpoint sets itself stays, up to the ceiling.
func TestSetDefaults(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		busy, own := r.register(webhook.Settings{}), r.register(webhook.Settings{Concurrency: 6})
		r.receiver.does(busy, answers(200, time.Second))
		r.receiver.does(own, answers(200, time.Second))
		r.publish(1, 2)
		idle := r.register(webhook.Settings{})
		synctest.Wait()
		r.wantAllowed("at first", map[webhook.EndpointNumber]int{busy: 8, own: 6, idle: 8})
		r.d.SetDefaults(webhook.Settings{Concurrency: 3}, webhook.Ceilings{})
		synctest.Wait()
		r.wantAllowed("with other defaults", map[webhook.EndpointNumber]int{busy: 3, own: 6, idle: 3})
		if r.actorsRunning() != 2 {
			t.Error(r.actorsRunning(), "actors run: the defaults started one")
		}
		r.d.SetDefaults(webhook.Settings{Concurrency: 3}, webhook.Ceilings{Concurrency: 2})
		synctest.Wait()
		r.wantAllowed("below a ceiling", map[webhook.EndpointNumber]int{busy: 2, own: 2, idle: 2})
		time.Sleep(time.Minute)
	})
}

// wantAllowed checks how many attempts endpoints may have in flight.
func (r *rig) wantAllowed(when string, want map[webhook.EndpointNumber]int) {
	r.t.Helper()
	for n, allowed := range want {
		if h := r.health(n); h.Allowed != allowed {
			r.t.Errorf("%s: endpoint %d may have %d attempts in flight, want %d", when, n, h.Allowed, allowed)
		}
	}
}

// TestSetDefaultsWithoutStorage: an actor that cannot read its endpoint again keeps the
// old defaults and works on; the next actor has the new ones.
func TestSetDefaultsWithoutStorage(t *testing.T) {
	u := &unready{}
	inRig(t, func(o *Options) { u.Store, o.Store = o.Store.(storage.Store), u }, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.wantOnce(n, r.publish(1, 2))
		u.failures[0].Store(1)
		r.d.SetDefaults(webhook.Settings{Concurrency: 3}, webhook.Ceilings{})
		synctest.Wait()
		r.wantAllowed("after a failed read", map[webhook.EndpointNumber]int{n: 9})
		r.wantStatus(r.publishOne(n), webhook.Delivered, "", 1)
		time.Sleep(time.Minute)
		r.startActor(n)
		r.wantAllowed("with the next actor", map[webhook.EndpointNumber]int{n: 3})
	})
}

// TestSetDefaultsBeforeStart: the settings hold although no actor can be informed.
func TestSetDefaultsBeforeStart(t *testing.T) {
	d, err := New(complete(t))
	if err != nil {
		t.Fatal(err)
	}
	d.SetDefaults(webhook.Settings{Concurrency: 3}, webhook.Ceilings{})
	if got := d.shared.defaults.Load(); got.Concurrency != 3 || got.Timeout != webhook.DefaultSettings().Timeout {
		t.Errorf("%+v", got)
	}
}

// TestSetMaxPending: the bound of pending deliveries changes for publishing, for events
// that reach it alone, and for replays.
func TestSetMaxPending(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.setStatus(n, webhook.EndpointPaused)
		r.publish(3, 2)
		synctest.Wait()
		r.d.SetMaxPending(3)
		_, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Data: []byte("1")}})
		wantError(t, err, webhook.ErrTooManyPending)
		_, _, err = r.d.Replay(context.Background(), webhook.DeliveryQuery{Endpoint: n, Limit: 1})
		wantError(t, err, webhook.ErrTooManyPending)
		r.d.SetMaxPending(4)
		r.publish(1, 2)
		r.setStatus(n, webhook.EndpointActive)
	})
}

// TestWideEventBeyondTheBound: an event with more deliveries than may be pending is
// refused by itself; others of its batch are stored.
func TestWideEventBeyondTheBound(t *testing.T) {
	inRig(t, func(o *Options) { o.MaxPending = wideFanOut }, func(r *rig) {
		for range wideFanOut + 1 {
			r.registerFor("crowd", webhook.EndpointPaused, "user.*")
		}
		r.registerFor("acme", webhook.EndpointPaused, "report.*")
		receipts, err := r.d.Publish(context.Background(), []webhook.Event{
			{Type: "user.created", Data: []byte("1")}, {Type: "report.generated", Data: []byte("1")},
		})
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, receipts[0].Err, webhook.ErrTooManyPending)
		if receipts[1].Err != nil || receipts[1].Deliveries != 1 {
			t.Errorf("%+v", receipts[1])
		}
	})
}
