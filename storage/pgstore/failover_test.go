package pgstore

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/webhook"
)

// load accepts events and settles every second one, from several goroutines, until it is
// stopped. It remembers what was acknowledged.
type load struct {
	store *Store
	stop  chan struct{}
	all   sync.WaitGroup

	accepted, settled sync.Map // IDs of deliveries
	acknowledged      atomic.Int64
	unexpected        atomic.Value // an error that the database's absence does not explain
	seq               webhook.Sequence
}

func startLoad(s *Store) *load {
	l := &load{store: s, stop: make(chan struct{})}
	for worker := range 8 {
		l.all.Go(func() { l.run(worker) })
	}
	return l
}

func (l *load) run(worker int) {
	endpoint := webhook.EndpointNumber(worker + 1)
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			return
		default:
		}
		e := webhook.Event{
			ID: webhook.ID{Seq: l.seq.Next(time.Now()), Nonce: uint32(i)}, Type: "t", Data: []byte("1"), Endpoints: []webhook.EndpointNumber{endpoint},
		}
		done := make(chan error, 1)
		l.store.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { done <- err })
		if err := <-done; err != nil {
			if !errors.Is(err, webhook.ErrUnavailable) { // stored or not, and the publisher comes again
				l.unexpected.Store(err)
				return
			}
			continue
		}
		id := e.ID.For(endpoint)
		l.accepted.Store(id, true)
		l.acknowledged.Add(1)
		if i%2 == 1 {
			continue
		}
		was := webhook.Delivery{ID: id, EventType: "t", Status: webhook.Queued}
		now := was.Attempted(webhook.Attempt{At: time.Now(), StatusCode: 200, Requests: 1}, webhook.DefaultSettings().Retry, 0)
		l.store.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
		if err := <-done; err != nil {
			l.unexpected.Store(err)
			return
		}
		l.settled.Store(id, true)
	}
}

// reach returns once so many more events were acknowledged.
func (l *load) reach(t *testing.T, more int64) {
	t.Helper()
	want := l.acknowledged.Load() + more
	for deadline := time.Now().Add(time.Minute); l.acknowledged.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d events were acknowledged, and no more are; last error %v", l.acknowledged.Load(), l.unexpected.Load())
		}
	}
}

// end stops the load and compares what was acknowledged with what a database has.
func (l *load) end(t *testing.T, url string) {
	t.Helper()
	close(l.stop)
	l.all.Wait()
	if err := l.unexpected.Load(); err != nil {
		t.Errorf("a write failed: %v", err)
	}
	queued, done := deliveriesIn(t, url, "queued"), deliveriesIn(t, url, "done")
	accepted, settled := 0, 0
	for id := range l.accepted.Range {
		id := id.(webhook.ID)
		accepted++
		_, delivered := l.settled.Load(id)
		if delivered {
			settled++
		}
		if queued[id] == delivered || done[id] != delivered {
			t.Errorf("%v: settled %t, queued %t, done %t", id, delivered, queued[id], done[id])
		}
	}
	if n := valueOf[int64](t, url, "SELECT sum(pending)::int8 FROM fence"); n != int64(len(queued)) {
		t.Errorf("%d deliveries are counted as pending, and %d are", n, len(queued))
	}
	if len(done) != settled {
		t.Errorf("%d deliveries have finished, and %d were settled", len(done), settled)
	}
	t.Logf("%d acknowledged, %d of them settled; %d more may be stored", accepted, settled, len(queued)+len(done)-accepted)
}

// deliveriesIn returns the deliveries that a table has.
func deliveriesIn(t *testing.T, url, table string) map[webhook.ID]bool {
	t.Helper()
	rows, err := connectTest(t, url).Query(t.Context(), "SELECT endpoint, seq, nonce FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := collectIDs(rows)
	if err != nil {
		t.Fatal(err)
	}
	out := map[webhook.ID]bool{}
	for _, id := range ids {
		if out[id] {
			t.Errorf("%v is in %s twice", id, table)
		}
		out[id] = true
	}
	return out
}

// TestFailover: the primary is killed under load and the standby promoted. Everything that
// was acknowledged is there, once, and the store continues without a restart. It may live
// with one copy then.
func TestFailover(t *testing.T) {
	p := pair(t)
	both := strings.Replace(p.url, p.primary.Address(), p.primary.Address()+","+p.standby.Address(), 1)
	s, err := Open(t.Context(), Options{URL: both + "&target_session_attrs=read-write", LonePrimary: true})
	p.must(err)
	t.Cleanup(func() { p.must(s.Close()) })
	exec(t, p.url, "DELETE FROM queued; DELETE FROM event; UPDATE fence SET pending = 0")
	l := startLoad(s)
	l.reach(t, 500)
	p.must(p.primary.Kill(), p.standby.Promote(t.Context()))
	l.reach(t, 500)
	l.end(t, p.onStandby())
}

// TestServerDies: the server is killed under load, three times, and started again. The
// store continues without a restart.
func TestServerDies(t *testing.T) {
	p := &replicated{T: t}
	p.primary = p.server(pgtest.Start(t.Context(), pgtest.Options{}))
	url, err := p.primary.Database(t.Context())
	p.must(err)
	l := startLoad(openTest(t, url))
	for range 3 {
		l.reach(t, 200)
		p.must(p.primary.Kill(), p.primary.Restart(t.Context()))
	}
	l.reach(t, 200)
	l.end(t, url)
}

// TestServerIsSuspended for a while under load, as a paused machine, and continues.
func TestServerIsSuspended(t *testing.T) {
	p := &replicated{T: t}
	p.primary = p.server(pgtest.Start(t.Context(), pgtest.Options{}))
	url, err := p.primary.Database(t.Context())
	p.must(err)
	l := startLoad(openTest(t, url))
	l.reach(t, 200)
	p.must(p.primary.Suspend())
	time.Sleep(2 * time.Second)
	p.must(p.primary.Resume())
	l.reach(t, 200)
	l.end(t, url)
}
