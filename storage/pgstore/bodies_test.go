package pgstore

import (
	"crypto/rand"
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// failWith stores an attempt that was answered with a body, and returns the delivery.
func failWith(t *testing.T, s *Store, seq uint64, body []byte) webhook.Delivery {
	t.Helper()
	id := webhook.ID{Seq: seq, Nonce: 1, Endpoint: webhook.EndpointNumber(1 + seq%100)}
	done := make(chan error, 1)
	s.Accept([]webhook.Event{{ID: id.Event(), Type: "t", Data: []byte("1"), Endpoints: []webhook.EndpointNumber{id.Endpoint}}}, 0,
		func(_ []webhook.Receipt, err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	was := webhook.Delivery{ID: id, EventType: "t", Status: webhook.Queued}
	now := was.Attempted(webhook.Attempt{At: s.options.Now(), StatusCode: 500, Requests: 1, Response: body}, webhook.DefaultSettings().Retry, 0)
	s.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	d, err := s.Delivery(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestBodiesOfAllNodes: bodies that any node keeps count against the bound of all, and a
// database that holds more than that gets no more.
func TestBodiesOfAllNodes(t *testing.T) {
	a := openTest(t, "")
	b := openTest(t, a.options.URL)
	const size, each = 32 << 10, 8
	body := make([]byte, size)
	_, _ = rand.Read(body) // PostgreSQL compresses; never fails
	before, err := a.weighBodies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(each) {
		for i, s := range []*Store{a, b} {
			if d := failWith(t, s, webhook.SeqAt(a.options.Now())+2*seq+uint64(i), body); len(d.AttemptLog[0].Response) != size {
				t.Fatal("a body was cut for which there is room")
			}
		}
	}
	for _, s := range []*Store{a, b} {
		after, err := s.weighBodies(t.Context())
		if err != nil || after-before < 2*each*size || after-before > 3*each*size {
			t.Errorf("%d bytes more for bodies of %d: %v", after-before, 2*each*size, err)
		}
	}
	a.bodies.Kept(storage.MaxKeptBodies + 1)
	if d := failWith(t, a, webhook.SeqAt(a.options.Now())+1000, body); len(d.AttemptLog[0].Response) != webhook.MaxShortResponse || !d.AttemptLog[0].ResponseTruncated {
		t.Error("a body was kept beyond the bound")
	}
}
