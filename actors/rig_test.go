package actors

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/storage/storagetest"
	"github.com/corpastro/astrohook/webhook"
)

// rig is a dispatcher in a bubble of virtual time, with storage in memory and a receiver
// that the test controls.
type rig struct {
	t        *testing.T
	store    *storagetest.Faulty
	receiver *receiver
	options  Options
	d        *Dispatcher
	// overlooks: the test has deliveries overlooked on purpose.
	overlooks bool
}

// inRig runs a test with a started dispatcher; change adapts its options.
func inRig(t *testing.T, change func(*Options), test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: storagetest.NewFaulty(memstore.Open(memstore.Options{})), receiver: newReceiver()}
		r.options = Options{
			Store: r.store, Open: r.receiver.open, Sequence: new(webhook.Sequence), Log: slog.New(slog.DiscardHandler),
			Abort: sync.OnceFunc(func() { close(r.receiver.abort) }),
		}
		if change != nil {
			change(&r.options)
		}
		r.start()
		test(r)
		if len(r.receiver.doubled) > 0 {
			t.Error("in flight twice at a time:", r.receiver.doubled)
		}
		r.stop()
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
		// protoactor throttles its log of dead letters with a goroutine that ends after some seconds.
		time.Sleep(time.Minute)
	})
}

func (r *rig) start() {
	r.t.Helper()
	d, err := New(r.freshOptions())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.d = d
	synctest.Wait()
}

// freshOptions returns the rig's options, for another dispatcher.
func (r *rig) freshOptions() Options {
	o := r.options
	o.Metrics = prometheus.NewRegistry()
	return o
}

// stop stops the dispatcher, and checks that it holds nothing, unless it has failed.
func (r *rig) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := r.d.Stop(ctx)
	select {
	case <-r.d.Failed():
	default:
		if err != nil {
			r.t.Error("stop:", err)
		}
		r.wantIdle()
	}
}

// wantIdle checks that permits, memory and reservations are free when nothing is under
// way, and that the watchdog has found no fault.
func (r *rig) wantIdle() {
	r.t.Helper()
	synctest.Wait()
	s := r.d.shared
	if used := s.permits.InUse(); used != 0 {
		r.t.Error(used, "permits were not released")
	}
	if used := s.budget.InUse(); used != 0 {
		r.t.Error(used, "bytes of payload were not given back")
	}
	var overlooked dto.Metric
	if err := s.metrics.overlooked.Write(&overlooked); err != nil {
		r.t.Fatal(err)
	}
	if faults := overlooked.GetCounter().GetValue(); faults > 0 && !r.overlooks {
		r.t.Error(faults, "times deliveries were overlooked, and found by the watchdog only")
	}
	if open := s.budget.Open(); open != int64(r.actorsRunning()) {
		r.t.Error(open, "reservations of memory are open, and", r.actorsRunning(), "actors run")
	}
}

// wantPublished checks that all publications have given their memory back. After a stop
// some may not have: nobody is left to need it.
func (r *rig) wantPublished() {
	r.t.Helper()
	synctest.Wait()
	if used := r.d.shared.publishing.Used(); used != 0 {
		r.t.Error(used, "bytes of publications were not given back")
	}
}

// register makes an endpoint of the client "acme" that gets every type.
func (r *rig) register(s webhook.Settings) webhook.EndpointNumber {
	r.t.Helper()
	e, err := r.store.CreateEndpoint(context.Background(), webhook.Endpoint{
		ID: webhook.ID{Seq: r.options.Sequence.Next(time.Now())}, ClientID: "acme", EventTypes: []string{"*"},
		Status: webhook.EndpointActive, Settings: s,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.d.EndpointChanged(e)
	return e.Number()
}

// change changes an endpoint, and informs the dispatcher.
func (r *rig) change(n webhook.EndpointNumber, change func(*webhook.Endpoint)) webhook.Endpoint {
	r.t.Helper()
	e, err := r.store.UpdateEndpoint(context.Background(), n, func(e *webhook.Endpoint) error {
		change(e)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.d.EndpointChanged(e)
	return e
}

func (r *rig) setStatus(n webhook.EndpointNumber, s webhook.EndpointStatus) {
	r.t.Helper()
	r.change(n, func(e *webhook.Endpoint) { e.Status = s })
}

// publish publishes some events of a size, and returns their IDs.
func (r *rig) publish(count, size int) []webhook.ID {
	r.t.Helper()
	events := make([]webhook.Event, count)
	for i := range events {
		events[i] = webhook.Event{Type: "user.created", Data: []byte(`"` + strings.Repeat("x", max(size-2, 0)) + `"`)}
	}
	receipts, err := r.d.Publish(context.Background(), events)
	if err != nil {
		r.t.Fatal(err)
	}
	ids := make([]webhook.ID, count)
	for i := range receipts {
		if receipts[i].Err != nil {
			r.t.Fatal(receipts[i].Err)
		}
		ids[i] = receipts[i].EventID
	}
	return ids
}

// publishTo publishes some small events to a client, and returns their IDs.
func (r *rig) publishTo(client string, count int) (ids []webhook.ID) {
	r.t.Helper()
	for range count {
		receipts, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", ClientID: client, Data: []byte("1")}})
		if err != nil {
			r.t.Fatal(err)
		}
		ids = append(ids, receipts[0].EventID)
	}
	return ids
}

// publishOne publishes one event, and returns the ID of its delivery to an endpoint.
func (r *rig) publishOne(n webhook.EndpointNumber) webhook.ID {
	r.t.Helper()
	return r.publish(1, 2)[0].For(n)
}

func (r *rig) delivery(id webhook.ID) webhook.Delivery {
	r.t.Helper()
	d, err := r.store.Delivery(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// wantStatus checks a delivery when nothing is under way any more.
func (r *rig) wantStatus(id webhook.ID, status webhook.Status, reason webhook.Reason, attempts int) {
	r.t.Helper()
	synctest.Wait()
	if d := r.delivery(id); d.Status != status || d.Reason != reason || d.Attempts != attempts {
		r.t.Errorf("delivery is %s (%q) after %d attempts; want %s (%q) after %d", d.Status, d.Reason, d.Attempts, status, reason, attempts)
	}
}

// wantOnce checks that all events were delivered to an endpoint, and sent there exactly once.
func (r *rig) wantOnce(n webhook.EndpointNumber, events []webhook.ID) {
	r.t.Helper()
	synctest.Wait()
	times := make(map[webhook.ID]int)
	for _, c := range r.receiver.sent(n) {
		times[c.id]++
	}
	for _, id := range events {
		d := r.delivery(id.For(n))
		if d.Status != webhook.Delivered || d.Attempts != 1 || times[d.ID] != 1 {
			r.t.Fatalf("a delivery is %s with %d attempts recorded, and was sent %d times", d.Status, d.Attempts, times[d.ID])
		}
	}
	if len(times) != len(events) {
		r.t.Errorf("%d deliveries were sent, of %d", len(times), len(events))
	}
}

// wantTimes checks when the attempts for an endpoint were made, from start on, to a few milliseconds.
func (r *rig) wantTimes(n webhook.EndpointNumber, start time.Time, want ...time.Duration) {
	r.t.Helper()
	calls := r.receiver.sent(n)
	var got []time.Duration
	for _, c := range calls {
		got = append(got, c.at.Sub(start))
	}
	if len(got) != len(want) {
		r.t.Fatalf("attempts at %v, want %v", got, want)
	}
	for i := range want {
		if late := got[i] - want[i]; late < 0 || late > 10*time.Millisecond {
			r.t.Fatalf("attempts at %v, want %v", got, want)
		}
	}
}

// actorsRunning returns the gauge of endpoint actors.
func (r *rig) actorsRunning() int {
	var m dto.Metric
	if err := r.d.shared.metrics.actors.Write(&m); err != nil {
		r.t.Fatal(err)
	}
	return int(m.GetGauge().GetValue())
}

// startActor starts an endpoint's actor, or finds it running, without any effect on
// deliveries: a request about one that does not exist has to be answered by an actor.
func (r *rig) startActor(n webhook.EndpointNumber) {
	r.t.Helper()
	_, err := r.d.Cancel(context.Background(), webhook.ID{Seq: 1, Endpoint: n})
	wantError(r.t, err, webhook.ErrNotFound)
}

func (r *rig) health(n webhook.EndpointNumber) webhook.Health {
	r.t.Helper()
	h, err := r.d.Health(context.Background(), n)
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// regular returns settings without chance: each retry follows after the same wait.
func regular(wait time.Duration, attempts int) webhook.Settings {
	return webhook.Settings{Retry: webhook.RetryPolicy{MaxAttempts: attempts, Initial: wait, Multiplier: 1, Jitter: 1e-12}}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}
