package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
)

// gone reports whether a webhook is deleted.
func (w *world) gone(id string) bool {
	w.t.Helper()
	status, _ := w.try("GET", "/api/webhooks/"+id, "")
	return status == 404
}

func (w *world) renew(id string, seconds int) {
	w.t.Helper()
	w.call("PATCH", "/api/webhooks/"+id, fmt.Sprintf(`{"lease_seconds":%d}`, seconds), 200)
}

// TestLeaseEnds: a temporary webhook that nobody renews is deleted at its time, as
// by DELETE: what is pending is cancelled and stays listed, and nothing more comes.
func TestLeaseEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(500) })
		id, stays := w.register(9001, `,"lease_seconds":60`), w.register(9002, "")
		shown := w.call("GET", "/api/webhooks/"+id, "", 200)
		if shown["expires_at"] != webhook.FormatTime(time.Now().UTC().Add(time.Minute).Truncate(time.Millisecond)) {
			t.Errorf("expires_at %v at %v", shown["expires_at"], time.Now())
		}
		w.publish()
		time.Sleep(59 * time.Second)
		if w.gone(id) {
			t.Fatal("deleted before its time")
		}
		time.Sleep(2 * time.Second)
		if !w.gone(id) {
			t.Fatal("not deleted at its time")
		}
		count := receiver.Count()
		w.publish()
		time.Sleep(time.Hour)
		if receiver.Count() != count {
			t.Error("a deleted webhook got deliveries")
		}
		if cancelled := w.deliveries(id, "cancelled"); len(cancelled) != 1 {
			t.Errorf("cancelled deliveries: %v", cancelled)
		}
		if w.gone(stays) {
			t.Error("a webhook without a lease was deleted")
		}
	})
}

// TestLeaseRenewed: a lease counts from its last renewal, can be given up, and can be
// given to a webhook that had none.
func TestLeaseRenewed(t *testing.T) {
	inWorld(t, func(w *world) {
		renewed, kept, late := w.register(9001, `,"lease_seconds":60`), w.register(9002, `,"lease_seconds":60`), w.register(9003, "")
		w.call("PATCH", "/api/webhooks/"+kept, `{"lease_seconds":null}`, 200)
		for range 10 {
			time.Sleep(50 * time.Second)
			w.renew(renewed, 60)
		}
		w.renew(late, 30)
		// A change that does not mention the lease does not change it.
		w.call("PATCH", "/api/webhooks/"+renewed, `{"description":"x"}`, 200)
		w.call("PUT", "/api/webhooks/"+renewed, `{"event_type":"user.created","target_url":"http://127.0.0.1:9001/hook"}`, 200)
		time.Sleep(29 * time.Second)
		if w.gone(renewed) || w.gone(late) {
			t.Fatal("deleted before its time")
		}
		time.Sleep(2 * time.Second)
		if w.gone(renewed) || !w.gone(late) {
			t.Fatal("the shorter lease has ended, the longer one has not")
		}
		time.Sleep(30 * time.Second)
		if !w.gone(renewed) || w.gone(kept) {
			t.Error("only the webhook that gave up its lease stays")
		}
		w.renew(kept, 3600)
		w.renew(kept, 30) // an earlier end counts too
		time.Sleep(31 * time.Second)
		if !w.gone(kept) {
			t.Error("a lease that was made shorter has not ended")
		}
		w.call("PATCH", "/api/webhooks/"+late, `{"lease_seconds":60}`, 404)
	})
}

// TestLeaseBounds: a lease is from 30 s to an hour.
func TestLeaseBounds(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, seconds := range []string{"29", "3601", "0", "-1", `"60"`, "60.5"} {
			body := `{"client_id":"acme","event_type":"user.created","target_url":"http://127.0.0.1:9001/","lease_seconds":` + seconds + `}`
			if answer := w.call("POST", "/api/webhooks", body, 422); answer["field"] != "lease_seconds" {
				t.Errorf("%s: %v", seconds, answer)
			}
		}
		w.register(9001, `,"lease_seconds":30`)
		w.register(9001, `,"lease_seconds":3600`)
	})
}

// TestLeaseSurvivesRestart: a lease is on disk. After a start there are 30 s to renew
// it, however long the server was away.
func TestLeaseSurvivesRestart(t *testing.T) {
	var log lockedBuffer
	settings := func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) }
	inWorldOf(t, settings, func(w *world) {
		renewed, lost := w.register(9001, `,"lease_seconds":60`), w.register(9002, `,"lease_seconds":60`)
		w.stop()
		time.Sleep(time.Hour)
		w.start()
		time.Sleep(20 * time.Second)
		if w.gone(renewed) || w.gone(lost) {
			t.Fatal("deleted right after the start, before anyone could renew")
		}
		w.renew(renewed, 60)
		w.restart() // the time begins again: the renewed one has 60 s, the other 30
		time.Sleep(31 * time.Second)
		if w.gone(renewed) || !w.gone(lost) {
			t.Fatal("what was not renewed stays, or what was renewed is gone")
		}
		time.Sleep(30 * time.Second)
		if !w.gone(renewed) {
			t.Error("the lease of an earlier run has not ended")
		}
		for _, id := range []string{renewed, lost} {
			if want := "webhook_id=" + id + " client_id=acme target_host=127.0.0.1:900"; strings.Count(log.String(), want) != 1 {
				t.Errorf("not one line with %s in\n%s", want, log.String())
			}
		}
	})
}

// failingStore is a store whose next updates fail, as many as the test has set.
type failingStore struct {
	storage.Endpoints
	failures atomic.Int64
}

// UpdateEndpoint fails, or changes the webhook.
func (s *failingStore) UpdateEndpoint(
	ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	if s.failures.Add(-1) >= 0 {
		return webhook.Endpoint{}, errNoDevice
	}
	return s.Endpoints.UpdateEndpoint(ctx, n, change)
}

// TestLeaseRetried: when storage fails the webhook is deleted later.
func TestLeaseRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		fails := &failingStore{Endpoints: memstore.Open(memstore.Options{})}
		fails.failures.Store(2)
		changes := make(chan webhook.Endpoint, 1)
		l := newLeases(fails, slog.New(slog.NewTextHandler(&log, nil)))
		l.changed = func(e webhook.Endpoint) { changes <- e }
		e, err := fails.CreateEndpoint(t.Context(), webhook.Endpoint{
			ID: webhook.ID{Seq: 1}, ClientID: "acme", TargetURL: "http://127.0.0.1:9001/", ExpiresAt: time.Now().Add(30 * time.Second),
		})
		if err != nil {
			t.Fatal(err)
		}
		stop := role(l.Run)
		l.note(&e, time.Time{})
		began := time.Now()
		if deleted := <-changes; !deleted.Deleted() || deleted.Number() != e.Number() {
			t.Errorf("changed %+v", deleted)
		}
		if took := time.Since(began); took != 30*time.Second+2*leaseRetry {
			t.Errorf("deleted after %v", took)
		}
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
		if strings.Count(log.String(), "a temporary webhook was not deleted") != 2 || len(l.book.byNumber) != 0 {
			t.Errorf("%d leases are left, log:\n%s", len(l.book.byNumber), log.String())
		}
	})
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to the log.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String is the log so far.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var errNoDevice = errors.New("no such device")
