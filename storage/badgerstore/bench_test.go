package badgerstore

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// processorTime is what this process has used, user and system.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// flow accepts and settles events from concurrent callers, each with one event on
// the way, as requests do that publish one event each.
type flow struct {
	store *Store
	seq   webhook.Sequence
	data  []byte
	left  atomic.Int64
	wait  sync.WaitGroup
}

func (f *flow) caller(endpoint webhook.EndpointNumber) {
	defer f.wait.Done()
	done := make(chan struct{}, 1)
	for f.left.Add(-1) >= 0 {
		id := webhook.ID{Seq: f.seq.Next(time.Now()), Nonce: 7}
		events := []webhook.Event{{ID: id, Type: "user.created", Data: f.data, Endpoints: []webhook.EndpointNumber{endpoint}}}
		f.store.Accept(events, 0, func([]webhook.Receipt, error) { done <- struct{}{} })
		<-done
		f.wait.Add(1)
		f.store.Settle(delivered(id.For(endpoint)), func(error) { f.wait.Done() })
	}
}

func delivered(id webhook.ID) webhook.Settlement {
	d := webhook.Delivery{ID: id, EventType: "user.created", Status: webhook.Queued}
	was := d.Place()
	attempt := webhook.Attempt{At: time.Now(), Duration: 3 * time.Millisecond, StatusCode: 200, Response: []byte("ok")}
	return webhook.Settlement{Was: was, Now: d.Attempted(attempt, webhook.DefaultSettings().Retry, 0)}
}

func BenchmarkAcceptAndSettle(b *testing.B) {
	for _, callers := range []int{64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			f := &flow{store: openBench(b), data: make([]byte, 512)}
			f.left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			used := processorTime()
			for i := range callers {
				f.wait.Add(1)
				go f.caller(webhook.EndpointNumber(1 + i%16))
			}
			f.wait.Wait()
			b.StopTimer()
			b.ReportMetric(float64((processorTime()-used).Microseconds())/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// filled is a store with deliveries of three endpoints of one client: many
// delivered, then some queued. It gives the first queued one's event.
func filled(b *testing.B, settled, queued int) (*Store, webhook.ID) {
	b.Helper()
	s := openBench(b)
	to := []webhook.EndpointNumber{1, 2, 3}
	for range to {
		if _, err := s.CreateEndpoint(b.Context(), webhook.Endpoint{ClientID: "client"}); err != nil {
			b.Fatal(err)
		}
	}
	f := &flow{store: s, data: make([]byte, 512)}
	var first webhook.ID
	for i := range settled + queued {
		id := webhook.ID{Seq: f.seq.Next(time.Now()), Nonce: 7}
		f.wait.Add(1)
		events := []webhook.Event{{ID: id, Type: "user.created", Data: f.data, Endpoints: to}}
		s.Accept(events, 0, func([]webhook.Receipt, error) { f.wait.Done() })
		if i == settled {
			first = id
		}
		if i >= settled {
			continue
		}
		for _, n := range to {
			f.wait.Add(1)
			s.Settle(delivered(id.For(n)), func(error) { f.wait.Done() })
		}
	}
	f.wait.Wait()
	return s, first
}

func BenchmarkQueued(b *testing.B) {
	s, first := filled(b, 100_000, 1000)
	for name, from := range map[string]webhook.ID{"from=position": first, "from=head": {}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				due, err := s.Queued(b.Context(), 2, from, 256, 8<<20)
				if err != nil || len(due) != 256 {
					b.Fatal(len(due), err)
				}
			}
		})
	}
}

// BenchmarkQueuedHead reads the head of a queue that 100,000 deliveries have left,
// as if for the first time after a start.
func BenchmarkQueuedHead(b *testing.B) {
	s, _ := filled(b, 100_000, 1000)
	for b.Loop() {
		s.scanStarts = newScanStarts()
		if due, err := s.Queued(b.Context(), 2, webhook.ID{}, 1, 8<<20); err != nil || len(due) != 1 {
			b.Fatal(len(due), err)
		}
	}
}

func BenchmarkListDeliveries(b *testing.B) {
	s, _ := filled(b, 100_000, 1000)
	for name, q := range map[string]webhook.DeliveryQuery{
		"endpoint":           {Endpoint: 2},
		"endpoint,delivered": {Endpoint: 2, Status: webhook.Delivered},
		"client":             {ClientID: "client"},
		"all":                {},
	} {
		b.Run(name, func(b *testing.B) {
			q.Limit = 50
			for b.Loop() {
				if page, err := s.ListDeliveries(b.Context(), q); err != nil || len(page.Deliveries) != 50 {
					b.Fatal(len(page.Deliveries), err)
				}
			}
		})
	}
}
