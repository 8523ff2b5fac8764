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

// TestTrayTellsWhatMatters: a record alone wakes nobody, unless it makes work, or
// many wait, or the actor is in a hurry. All else does, once.
func TestTrayTellsWhatMatters(t *testing.T) {
	var tray tray
	wants := func(what string, tell, want bool) {
		t.Helper()
		if tell != want {
			t.Errorf("%s: told %v, want %v", what, tell, want)
		}
	}
	for range maxUntold - 1 {
		wants("a few records", tray.settle(recorded(webhook.Delivered)), false)
	}
	wants("many records", tray.settle(recorded(webhook.Delivered)), true)
	wants("one more, while news is on its way", tray.settle(recorded(webhook.Delivered)), false)
	if n := len(tray.take(trayful{}, true, true).settled); n != maxUntold+1 {
		t.Error(n, "records taken")
	}
	wants("a retry", tray.settle(recorded(webhook.Retrying)), true)
	tray.take(trayful{}, true, true)
	wants("a record", tray.settle(recorded(webhook.Failed)), false)
	wants("an offer", tray.offer(&lane.Entry{}), true)
	if got := tray.take(trayful{}, false, true); len(got.offered) != 0 || len(got.settled) != 1 {
		t.Errorf("taken: %+v", got)
	}
	if got := tray.take(trayful{}, true, true); len(got.offered) != 1 || len(got.settled) != 0 {
		t.Errorf("left: %+v", got)
	}
	wants("hurry without a record", tray.hurry(true), false)
	wants("a record in a hurry", tray.settle(recorded(webhook.Delivered)), true)
	tray.take(trayful{}, true, true)
	wants("no hurry", tray.hurry(false), false)
	wants("a record without hurry", tray.settle(recorded(webhook.Delivered)), false)
	wants("hurry with a record", tray.hurry(true), true)
}

// lately runs a test on a store that records outcomes a second late, and checks
// that it took less than the time after which an actor looks by itself.
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

// TestWaitingForRecords: an endpoint with as many outcomes on their way to storage
// as it may have goes on when they are recorded.
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
