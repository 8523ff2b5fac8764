package actors

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// slowReads is a store whose reads take a while. It counts reads of queues.
type slowReads struct {
	storage.Store
	by time.Duration

	mu     sync.Mutex
	queues map[webhook.EndpointNumber]int
}

func (s *slowReads) Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	time.Sleep(s.by)
	return s.Store.Endpoint(ctx, n)
}

func (s *slowReads) Queued(ctx context.Context, n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	time.Sleep(s.by)
	s.mu.Lock()
	s.queues[n]++
	s.mu.Unlock()
	return s.Store.Queued(ctx, n, from, limit, maxBytes)
}

func (s *slowReads) Scheduled(ctx context.Context,
	n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int,
) ([]webhook.Due, webhook.DueTime, error) {
	time.Sleep(s.by)
	return s.Store.Scheduled(ctx, n, from, now, limit, maxBytes)
}

func (s *slowReads) of(n webhook.EndpointNumber) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queues[n]
}

// inSlowRig runs a test with a dispatcher whose storage reads slowly.
func inSlowRig(t *testing.T, by time.Duration, change func(*Options), test func(r *rig, s *slowReads)) {
	s := &slowReads{by: by, queues: make(map[webhook.EndpointNumber]int)}
	inRig(t, func(o *Options) {
		s.Store, o.Store = o.Store.(storage.Store), s
		if change != nil {
			change(o)
		}
	}, func(r *rig) { test(r, s) })
}

// TestReadsOfOneClient: 2,000 endpoints of one client want to read storage, 10 ms each.
// An endpoint of another client, whose actor must be started and read its first
// delivery, waits for its own read only.
func TestReadsOfOneClient(t *testing.T) {
	const by = 10 * time.Millisecond
	inSlowRig(t, by, func(o *Options) { o.IdleTimeout = time.Millisecond }, func(r *rig, _ *slowReads) {
		cold := r.subscribe("modest", "good", webhook.Settings{})
		alone := r.latencies("modest", "good", cold, 3)
		for range 2000 {
			r.receiver.does(r.subscribe("crowd", "many", webhook.Settings{}), answers(500, time.Millisecond))
		}
		time.Sleep(time.Minute)
		r.post("crowd", "many", 3)
		time.Sleep(100 * time.Millisecond)
		if late := r.latencies("modest", "good", cold, 3); late[2] > alone[2]+by/2 {
			t.Errorf("beside reads of a crowd the endpoint waits %v, alone %v", late, alone)
		}
	})
}

// TestPayloadsOfOneClient: a client's endpoints, whose attempts hang, fill the memory
// for payloads as far as they can. Another client's deliveries still find memory, and
// need no read of storage.
func TestPayloadsOfOneClient(t *testing.T) {
	const limit = 4 << 20
	inSlowRig(t, 0, func(o *Options) { o.MaxPayloadMemory = limit }, func(r *rig, s *slowReads) {
		modest := r.subscribe("modest", "good", webhook.Settings{})
		release := make(chan struct{})
		for range 8 {
			r.receiver.does(r.subscribe("hog", "large", webhook.Settings{Timeout: time.Minute}), hangs(release))
		}
		r.post("modest", "good", 1)
		time.Sleep(time.Second)
		publish := func(client, eventType string, size int) {
			data := append(append([]byte(`"`), bytes.Repeat([]byte("x"), size)...), '"')
			_, err := r.d.Publish(context.Background(), []webhook.Event{{Type: eventType, ClientID: client, Data: data}})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for range 200 {
			publish("hog", "large", 50<<10)
		}
		if used := r.d.shared.budget.InUse(); used < limit/2 {
			t.Errorf("only %d bytes of %d are held: the test shows nothing", used, limit)
		}
		before := s.of(modest)
		for range 20 {
			publish("modest", "good", 60<<10)
		}
		if n := len(r.receiver.sent(modest)); n != 21 {
			t.Errorf("%d of 21 deliveries were sent", n)
		}
		if n := s.of(modest) - before; n > 0 {
			t.Errorf("%d reads of storage for what could stay in memory", n)
		}
		close(release)
		r.quiet()
	})
}
