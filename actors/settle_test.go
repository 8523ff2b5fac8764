package actors

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/corpastro/astrohook/storage/storagetest"
	"github.com/corpastro/astrohook/webhook"
)

// settling is a store that notes which attempts each settlement holds.
type settling struct {
	*storagetest.Faulty
	mu   sync.Mutex
	logs map[webhook.ID][][]int // numbers of the attempts in each settlement
}

func (s *settling) Settle(st webhook.Settlement, done func(error)) {
	var numbers []int
	for _, a := range st.Now.AttemptLog {
		numbers = append(numbers, a.Number)
	}
	s.mu.Lock()
	s.logs[st.Now.ID] = append(s.logs[st.Now.ID], numbers)
	s.mu.Unlock()
	s.Faulty.Settle(st, done)
}

// TestSettlesTheNewAttemptOnly: a settlement holds the new attempt only, so it does not
// grow with their number.
func TestSettlesTheNewAttemptOnly(t *testing.T) {
	spy := &settling{logs: map[webhook.ID][][]int{}}
	change := func(o *Options) {
		spy.Faulty = o.Store.(*storagetest.Faulty)
		o.Store = spy
	}
	inRig(t, change, func(r *rig) {
		n := r.register(webhook.Settings{Retry: webhook.RetryPolicy{MaxAttempts: 4, Initial: time.Minute, Multiplier: 1, MaxDelay: time.Minute}})
		r.receiver.does(n, answers(500, 0))
		id := r.publishOne(n)
		time.Sleep(time.Hour)
		r.wantStatus(id, webhook.Failed, webhook.ReasonHTTP5xx, 4)
		if log := r.delivery(id).AttemptLog; len(log) != 4 {
			t.Errorf("stored %v", log)
		}
		spy.mu.Lock()
		defer spy.mu.Unlock()
		if got := spy.logs[id]; !slices.EqualFunc(got, [][]int{{1}, {2}, {3}, {4}}, slices.Equal) {
			t.Errorf("settled %v", got)
		}
	})
}

// TestBodiesLeaveMemory: the bodies of answers are not in memory any more once they are
// recorded, although their deliveries wait in windows for the next attempt.
func TestBodiesLeaveMemory(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		const deliveries = 100
		n := r.register(webhook.Settings{
			Retry:   webhook.RetryPolicy{MaxAttempts: 4, Initial: time.Minute, Multiplier: 1, MaxDelay: time.Minute},
			Breaker: webhook.BreakerPolicy{Failures: 10_000, Open: time.Second, MaxOpen: time.Second},
		})
		var bodies []weak.Pointer[[64 << 10]byte]
		var mu sync.Mutex
		held := make(chan struct{})
		r.receiver.does(n, func(c call) webhook.Attempt {
			if c.attempt > 1 {
				<-held
				return webhook.Attempt{StatusCode: 200}
			}
			body := new([64 << 10]byte)
			mu.Lock()
			defer mu.Unlock()
			bodies = append(bodies, weak.Make(body))
			return webhook.Attempt{StatusCode: 500, Response: body[:]}
		})
		r.publish(deliveries, 10)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if h := r.health(n); h.InFlight == 0 || h.Backlog.Retrying != deliveries {
			t.Fatalf("%d in flight, %+v", h.InFlight, h.Backlog)
		}
		runtime.GC()
		kept := 0
		for _, body := range bodies {
			if body.Value() != nil {
				kept++
			}
		}
		if kept > deliveries/10 || len(bodies) != deliveries { // a worker may still have one on its stack
			t.Errorf("%d of %d bodies are in memory", kept, len(bodies))
		}
		close(held)
		time.Sleep(time.Minute)
	})
}
