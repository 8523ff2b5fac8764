package actors

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

func recorded(s webhook.Status) *lane.Entry {
	return &lane.Entry{Next: webhook.Settlement{Now: webhook.Delivery{Status: s}}}
}

// TestInboxNotifiesOfWork: a recorded outcome alone sends no message, unless it makes
// work, or many wait, or the actor asked to be notified at once. All else sends one.
func TestInboxNotifiesOfWork(t *testing.T) {
	var box inbox
	wants := func(what string, notify, want bool) {
		t.Helper()
		if notify != want {
			t.Errorf("%s: notify is %v, want %v", what, notify, want)
		}
	}
	for range maxQuiet - 1 {
		wants("a few records", box.record(recorded(webhook.Delivered)), false)
	}
	wants("many records", box.record(recorded(webhook.Delivered)), true)
	wants("one more, while a message is on its way", box.record(recorded(webhook.Delivered)), false)
	if n := len(box.take(batch{}, true, true).recorded); n != maxQuiet+1 {
		t.Error(n, "records taken")
	}
	wants("a retry", box.record(recorded(webhook.Retrying)), true)
	box.take(batch{}, true, true)
	wants("a record", box.record(recorded(webhook.Failed)), false)
	wants("an offer", box.offer(&lane.Entry{}), true)
	if got := box.take(batch{}, false, true); len(got.offered) != 0 || len(got.recorded) != 1 {
		t.Errorf("taken: %+v", got)
	}
	if got := box.take(batch{}, true, true); len(got.offered) != 1 || len(got.recorded) != 0 {
		t.Errorf("left: %+v", got)
	}
	wants("at once, without a record", box.setNotifyAtOnce(true), false)
	wants("a record, at once", box.record(recorded(webhook.Delivered)), true)
	box.take(batch{}, true, true)
	wants("not at once", box.setNotifyAtOnce(false), false)
	wants("a record, not at once", box.record(recorded(webhook.Delivered)), false)
	wants("at once, with a record", box.setNotifyAtOnce(true), true)
}

// lately runs a test on a store that records outcomes a second late. It checks that the
// test took less time than an actor lets pass before it looks by itself.
func lately(t *testing.T, test func(r *rig, n webhook.EndpointNumber)) {
	t.Helper()
	inRig(t, func(o *Options) { o.Store = &late{o.Store.(storage.Store), time.Second} }, func(r *rig) {
		n := r.register(webhook.Settings{Concurrency: 1})
		r.receiver.does(n, answers(200, time.Millisecond))
		began := time.Now()
		test(r, n)
		if took := time.Since(began); took > 20*time.Second {
			t.Error("the test took", took)
		}
	})
}

// TestWaitingForRecords: an endpoint with as many outcomes on their way to storage as it
// may have continues when they are recorded.
func TestWaitingForRecords(t *testing.T) {
	lately(t, func(r *rig, n webhook.EndpointNumber) {
		ids := r.publish(10, 2)
		for len(r.receiver.sent(n)) < len(ids) {
			time.Sleep(time.Second)
		}
	})
}

// TestRequestWaitsForRecord: a client's request for a delivery whose outcome is on
// its way to storage is carried out once that is recorded.
func TestRequestWaitsForRecord(t *testing.T) {
	lately(t, func(r *rig, n webhook.EndpointNumber) {
		id := r.publishOne(n)
		time.Sleep(100 * time.Millisecond)
		if _, err := r.d.Retry(context.Background(), id); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// TestInboxOfTheNextActor: what an actor took and did not handle, and what arrives while
// none runs, is there for the next one, which is notified; offers are not.
func TestInboxOfTheNextActor(t *testing.T) {
	var box inbox
	if box.open(actor.NewPID("", "first")) {
		t.Error("an empty inbox is announced")
	}
	handled, unhandled, late := &lane.Entry{}, &lane.Entry{}, &lane.Entry{}
	box.end(handled)
	box.end(unhandled)
	box.record(recorded(webhook.Delivered))
	box.offer(&lane.Entry{})
	taken := box.take(batch{}, true, true)
	taken.ended[0] = nil // handled before the panic
	box.offer(&lane.Entry{})
	box.leave(taken)
	if box.reader != nil {
		t.Error("an actor that has gone would be notified")
	}
	box.end(late)
	if !box.open(actor.NewPID("", "second")) {
		t.Error("the next actor is not notified of what waits")
	}
	next := box.take(batch{}, true, true)
	if !slices.Equal(next.ended, []*lane.Entry{unhandled, late}) || len(next.recorded) != 1 || len(next.offered) != 0 {
		t.Errorf("the next actor takes %+v", next)
	}
}

// TestInboxKeepsEndedAttempts: before the endpoint is read, an actor takes offers and
// leaves attempts of an earlier actor.
func TestInboxKeepsEndedAttempts(t *testing.T) {
	var box inbox
	box.end(&lane.Entry{})
	box.offer(&lane.Entry{})
	if got := box.take(batch{}, true, false); len(got.offered) != 1 || len(got.ended) != 0 {
		t.Errorf("before: %+v", got)
	}
	if got := box.take(batch{}, true, true); len(got.ended) != 1 {
		t.Errorf("after: %+v", got)
	}
}

// TestInboxAllocations: a delivery's way through the inbox allocates nothing, once the
// batches have grown.
func TestInboxAllocations(t *testing.T) {
	var box inbox
	var taken batch
	e := recorded(webhook.Delivered)
	allocs := testing.AllocsPerRun(1000, func() {
		for range 20 {
			box.offer(e)
			box.end(e)
			box.record(e)
		}
		taken = box.take(taken, true, true)
	})
	if allocs > 0 {
		t.Error(allocs, "allocations")
	}
	if taken = box.take(taken, true, true); cap(taken.offered) == 0 {
		t.Error("the batch's memory is not used again")
	}
	for _, e := range taken.offered[:cap(taken.offered)] {
		if e != nil {
			t.Fatal("a used batch keeps an entry in memory")
		}
	}
}
