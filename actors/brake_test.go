package actors

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// publishFor has eight publishers publish an event every millisecond for a time, and returns
// how many events were accepted, and how many deliveries were pending at most.
func (r *rig) publishFor(d time.Duration) (accepted int, most int64) {
	var publishers sync.WaitGroup
	var mu sync.Mutex
	end := time.Now().Add(d)
	for range 8 {
		publishers.Go(func() {
			for ; time.Now().Before(end); time.Sleep(time.Millisecond) {
				if _, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Data: []byte("{}")}}); err != nil {
					r.t.Error(err)
					return
				}
				mu.Lock()
				accepted++
				if accepted%100 == 0 { // counting takes the fake store long
					most = max(most, r.store.Pending())
				}
				mu.Unlock()
			}
		})
	}
	publishers.Wait()
	return accepted, most
}

// TestPublishersWaitForStorage: when outcomes are recorded more slowly than events are
// accepted, the publishers wait, and the queue of an endpoint that answers at once does
// not grow.
func TestPublishersWaitForStorage(t *testing.T) {
	inRig(t, func(o *Options) { o.Store = &late{o.Store.(storage.Store), 5 * time.Millisecond} }, func(r *rig) {
		n := r.register(webhook.Settings{Concurrency: 4})
		r.receiver.does(n, answers(200, time.Millisecond))
		accepted, most := r.publishFor(500 * time.Millisecond)
		if accepted < 400 || accepted > 2500 || most > 600 {
			t.Errorf("%d accepted, %d pending at most", accepted, most)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		if left := r.store.Pending(); left != 0 {
			t.Error(left, "are pending")
		}
	})
}

// TestPublishersDoNotWaitForReceivers: an endpoint that is slow itself slows no publisher
// down, nor does one with a rate limit.
func TestPublishersDoNotWaitForReceivers(t *testing.T) {
	for reason, c := range map[string]struct {
		settings webhook.Settings
		answer   time.Duration
	}{
		"a slow receiver": {webhook.Settings{Concurrency: 4}, time.Second},
		"a rate limit":    {webhook.Settings{Concurrency: 4, Rate: 10, Burst: 1}, time.Millisecond},
		"one at a time":   {webhook.Settings{Concurrency: 1}, 2 * time.Millisecond},
	} {
		inRig(t, nil, func(r *rig) {
			n := r.register(c.settings)
			r.receiver.does(n, answers(200, c.answer))
			if accepted, _ := r.publishFor(200 * time.Millisecond); accepted < 1550 {
				t.Errorf("%s: %d accepted", reason, accepted)
			}
		})
	}
}
