package actors

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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
	wants := func(what string, tell, want bool) {
		t.Helper()
		if tell != want {
			t.Errorf("%s: told %v, want %v", what, tell, want)
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
			t.Error("it took", took)
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
