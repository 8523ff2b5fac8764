package badgerstore

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/webhook"
)

// TestSourceHeap: sources come newest first. At one ID, the source that found the
// delivery comes before the one that stopped at the key which the delivery left behind:
// the other way round a page would end before a delivery that it could show.
func TestSourceHeap(t *testing.T) {
	id := func(seq uint64, n webhook.EndpointNumber) webhook.ID { return webhook.ID{Seq: seq, Endpoint: n} }
	want := []source{
		{id: id(9, 2), step: engine.Found},
		{id: id(9, 1), step: engine.Stopped},
		{id: id(7, 1), step: engine.Found},
		{id: id(7, 1), step: engine.Stopped},
		{id: id(3, 5), step: engine.Found},
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		var h sourceHeap
		for _, i := range random.Perm(len(want)) {
			heap.Push(&h, &want[i])
		}
		for i := range want {
			got := heap.Pop(&h).(*source)
			if got != &want[i] {
				t.Fatalf("source %d is %+v, want %+v", i, got, want[i])
			}
		}
		if h.Len() != 0 {
			t.Fatalf("%d sources are left", h.Len())
		}
	}
}

// TestListStart: the newest ID of an endpoint that a page can have is the largest that
// is both before the place where the last page ended and within the range of time.
func TestListStart(t *testing.T) {
	ids := []webhook.ID{}
	for seq := range uint64(4) {
		for n := webhook.EndpointNumber(1); n <= 3; n++ {
			ids = append(ids, webhook.ID{Seq: seq, Endpoint: n, Nonce: 5})
		}
	}
	for _, before := range append(slices.Clone(ids), webhook.ID{}, webhook.ID{Seq: 2}, webhook.ID{Seq: 9, Endpoint: 2}) {
		for until := uint64(1); until <= 5; until++ {
			l := &lister{q: webhook.DeliveryQuery{Before: before}, until: until}
			for n := webhook.EndpointNumber(1); n <= 3; n++ {
				want := webhook.ID{}
				for _, id := range ids {
					if id.Endpoint == n && id.Seq < until && (before == webhook.ID{} || id.Compare(before) < 0) {
						want = id // ascending: the last one is the newest
					}
				}
				from, ok := l.start(n)
				got := webhook.ID{}
				for _, id := range ids {
					if ok && id.Endpoint == n && id.Compare(from) <= 0 {
						got = id
					}
				}
				if got != want {
					t.Errorf("before %+v, until %d, endpoint %d: starts at %+v, finds %+v, want %+v", before, until, n, from, got, want)
				}
			}
		}
	}
}

// TestNothingDoneMarksNobody: a settlement looks where its delivery is once somebody has
// changed deliveries of the endpoint. A call that changed none must not cost that.
func TestNothingDoneMarksNobody(t *testing.T) {
	s := openTest(t, t.TempDir())
	ids := acceptMany(t, s, 1, 1)
	marks := func(call string, want int, err error) {
		t.Helper()
		if got := len(s.changedOutsideActor); err != nil || got != want {
			t.Errorf("%s: %d endpoints are marked, want %d; %v", call, got, want, err)
		}
	}
	q := webhook.DeliveryQuery{Endpoint: 1, Limit: 5}
	_, _, err := s.Replay(t.Context(), q)
	marks("a replay of what is queued", 0, err)
	_, err = s.Requeue(t.Context(), ids[0].For(1))
	marks("a requeue of what is queued", 0, err)
	_, err = s.CancelPending(t.Context(), 2, webhook.ReasonCancelled, time.Now(), 5)
	marks("a cancellation of nothing", 0, err)
	settle(t, s, delivered(ids[0].For(1)))
	_, err = s.CancelPending(t.Context(), 1, webhook.ReasonCancelled, time.Now(), 5)
	marks("a cancellation of what was delivered", 0, err)
	_, _, err = s.Replay(t.Context(), q)
	marks("a replay", 1, err)
}
