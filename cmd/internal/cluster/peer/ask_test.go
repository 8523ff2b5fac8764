package peer

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// TestAsk sends what crosses between nodes there and back: nothing of it may get lost on
// the way, as unexported fields would.
func TestAsk(t *testing.T) {
	id := webhook.ID{Seq: 9, Endpoint: 4, Nonce: 7}
	at := time.Unix(1_700_000_000, 123_000_000).UTC()
	progress := webhook.Progress{Started: map[webhook.ID]time.Time{id: at}, ByHand: []webhook.ID{id}, Waiting: webhook.Waiting{For: webhook.WaitRate, Until: at}}
	health := webhook.Health{Breaker: webhook.BreakerOpen, OpenUntil: at, InFlight: 3, P99: time.Second, LastReason: "timeout", Backlog: webhook.Backlog{Queued: 8}}
	delivery := webhook.Delivery{ID: id, EventType: "a", Status: webhook.Retrying, Attempts: 2, NextAttemptAt: webhook.DueAt(at)}
	to := startServer(t, map[string]Handler{
		"/progress": Answer(func(context.Context, webhook.EndpointNumber) (webhook.Progress, error) { return progress, nil }),
		"/health":   Answer(func(context.Context, webhook.EndpointNumber) (webhook.Health, error) { return health, nil }),
		"/retry": Answer(func(_ context.Context, asked webhook.ID) (webhook.Delivery, error) {
			if asked != id {
				return webhook.Delivery{}, webhook.ErrNotFound
			}
			return delivery, nil
		}),
	})
	c := startClient(t, 1, testSecret)
	if got, err := Ask[webhook.EndpointNumber, webhook.Progress](t.Context(), c, to, "/progress", 4); err != nil || !reflect.DeepEqual(got, progress) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := Ask[webhook.EndpointNumber, webhook.Health](t.Context(), c, to, "/health", 4); err != nil || !reflect.DeepEqual(got, health) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := Ask[webhook.ID, webhook.Delivery](t.Context(), c, to, "/retry", id); err != nil || !reflect.DeepEqual(got, delivery) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Ask[webhook.ID, webhook.Delivery](t.Context(), c, to, "/retry", webhook.ID{}); !errors.Is(err, webhook.ErrNotFound) {
		t.Error(err)
	}
	if _, err := c.Call(t.Context(), to, "/retry", []byte("no gob")); !errors.Is(err, errBody) {
		t.Error(err)
	}
	if _, err := Ask[webhook.ID, webhook.Delivery](t.Context(), c, to, "/echo", id); !errors.Is(err, ErrAway) {
		t.Errorf("an answer that is none: %v", err)
	}
}

// TestNotices sends notices to a node, and hears what it has applied.
func TestNotices(t *testing.T) {
	looked := make(chan struct{}, 10)
	to := startServer(t, NoticeHandlers(func() { looked <- struct{}{} }, func(_ context.Context, version uint64) uint64 { return version + 1 }))
	var mu sync.Mutex
	applied := map[storage.Incarnation]uint64{}
	n := &Notices{
		Client: startClient(t, 1, testSecret),
		Others: func() []storage.Node { return []storage.Node{to, {Incarnation: 5}} },
		Applied: func(who storage.Incarnation, version uint64) {
			mu.Lock()
			defer mu.Unlock()
			applied[who] = version
		},
	}
	n.PartsMoved(0)
	n.PartsMoved(2)
	n.PartsMoved(7) // another one
	n.VersionStored(41)
	n.Close()
	if len(looked) != 2 || !reflect.DeepEqual(applied, map[storage.Incarnation]uint64{2: 42}) {
		t.Errorf("%d times looked; applied %v", len(looked), applied)
	}
	n.VersionStored(43)
	n.calls.Wait()
	if applied[2] != 42 {
		t.Error("a notice was sent after the end")
	}
}

// TestNoticesAtTheEnd sends notices while Close is called. The race detector sees it if
// one begins beside Close's wait.
func TestNoticesAtTheEnd(t *testing.T) {
	to := startServer(t, NoticeHandlers(func() {}, func(context.Context, uint64) uint64 { return 0 }))
	client := startClient(t, 1, testSecret)
	for i := range 300 {
		n := &Notices{Client: client, Others: func() []storage.Node { return []storage.Node{to} }}
		var sending sync.WaitGroup
		sending.Go(func() { n.PartsMoved(0) })
		for range i % 30 {
			runtime.Gosched()
		}
		n.Close()
		sending.Wait()
	}
}
