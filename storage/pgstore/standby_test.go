package pgstore

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/webhook"
)

// replicated is a primary whose commits wait for a standby, with a store on it.
type replicated struct {
	*testing.T
	primary, standby *pgtest.Server
	url              string
	store            *Store
}

// pair starts a primary with a synchronous standby, and opens a store on it.
func pair(t *testing.T) *replicated {
	t.Helper()
	p := &replicated{T: t}
	p.primary = p.server(pgtest.Start(t.Context(), pgtest.Options{}))
	p.standby = p.server(p.primary.Standby(t.Context()))
	var err error
	p.url, err = p.primary.Database(t.Context())
	p.must(err)
	p.store = p.open(p.url)
	p.must(<-p.accept(p.store, "warm")) // its statements are prepared
	return p
}

func (p *replicated) must(errs ...error) {
	p.Helper()
	if err := errors.Join(errs...); err != nil {
		p.Fatal(err)
	}
}

func (p *replicated) server(s *pgtest.Server, err error) *pgtest.Server {
	p.Helper()
	p.must(err)
	p.Cleanup(func() { p.must(s.Close()) })
	return s
}

func (p *replicated) open(url string) *Store {
	p.Helper()
	s, err := Open(p.Context(), Options{URL: url})
	p.must(err)
	p.Cleanup(func() { _ = s.Close() }) // its server may be gone
	return s
}

// accept hands an event over under an idempotency key, and returns where the result arrives.
func (p *replicated) accept(s *Store, key string) <-chan error {
	done := make(chan error, 1)
	id := webhook.ID{Seq: webhook.SeqAt(time.Now()), Nonce: uint32(len(key))}
	e := webhook.Event{ID: id, Type: "t", Data: []byte("1"), Publisher: "p", IdempotencyKey: key, Endpoints: []webhook.EndpointNumber{1}}
	s.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { done <- err })
	return done
}

// waiting returns the sessions of a store whose commits wait for the standby, once there
// are any.
func (p *replicated) waiting(s *Store) (pid int) {
	p.Helper()
	conn := connectTest(p, p.url)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		err := conn.QueryRow(p.Context(), `SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'SyncRep' LIMIT 1`,
			session.Application(s.incarnation)).Scan(&pid)
		if err == nil {
			return pid
		}
	}
	p.Fatal("no commit waits for the standby")
	return 0
}

// cancel cancels a commit that waits for the standby: the server answers with success and
// a warning, and has the transaction on the primary alone.
func (p *replicated) cancel(s *Store) {
	p.Helper()
	_, err := connectTest(p, p.url).Exec(p.Context(), "SELECT pg_cancel_backend($1)", p.waiting(s))
	p.must(err)
}

// pending fails the test if something was answered.
func (p *replicated) pending(what string, done <-chan error) {
	p.Helper()
	select {
	case err := <-done:
		p.Fatalf("%s was answered with %v while only the primary has it", what, err)
	default:
	}
}

// TestACancelledCommitIsNotAcknowledged: whoever cancels the wait for the standby, and
// however often, an event is acknowledged once the standby has it, and is there after the
// primary has died.
func TestACancelledCommitIsNotAcknowledged(t *testing.T) {
	p := pair(t)
	p.must(p.standby.Suspend())
	done := p.accept(p.store, "once")
	for range 3 {
		p.cancel(p.store)
		p.pending("an event", done)
	}
	p.waiting(p.store) // what it asks next waits as well
	if !valueOf[bool](t, p.url, "SELECT count(*) = 2 FROM event") {
		t.Error("the cancelled transaction is not on the primary: the test shows nothing")
	}
	p.pending("an event", done)
	p.must(p.standby.Resume())
	p.must(<-done)
	p.must(p.primary.Kill(), p.standby.Promote(t.Context()))
	if n := valueOf[int](t, p.onStandby(), "SELECT count(*) FROM event"); n != 2 {
		t.Errorf("the standby has %d events of 2", n)
	}
}

// onStandby returns the URL of the database on the standby.
func (p *replicated) onStandby() string {
	return with(p.T, p.url, func(u *url.URL) { u.Host = p.standby.Address() })
}

// TestARepetitionWaitsForTheStandby: a publisher that comes again under the key of an event
// that only the primary has is answered once the standby has it.
func TestARepetitionWaitsForTheStandby(t *testing.T) {
	p := pair(t)
	other := p.open(p.url)
	p.must(<-p.accept(other, "warms"))
	p.must(p.standby.Suspend())
	first := p.accept(p.store, "once")
	p.cancel(p.store)
	again := p.accept(other, "once")
	for range 2 {
		p.cancel(other)
		p.pending("a repetition", again)
	}
	p.waiting(other)
	p.pending("a repetition", again)
	p.pending("an event", first)
	p.must(p.standby.Resume())
	p.must(<-first, <-again)
}

// TestHeartbeatsWaitForTheStandby, or a primary that was deposed could confirm leases of
// parts that the new one has given to others.
func TestHeartbeatsWaitForTheStandby(t *testing.T) {
	p := pair(t)
	_, err := p.store.Join(t.Context(), storage.NodeInfo{Name: "a"})
	p.must(err)
	beat := func(ctx context.Context) <-chan error {
		done := make(chan error, 1)
		go func() { _, err := p.store.Heartbeat(ctx, storage.Beat{Lease: time.Minute}); done <- err }()
		return done
	}
	p.must(<-beat(t.Context()))
	p.must(p.standby.Suspend())
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := <-beat(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without the standby: %v", err)
	}
	done := beat(t.Context())
	p.cancel(p.store)
	p.must(p.standby.Resume())
	// It asks again after a cancelled commit, or says that it does not know.
	if err := <-done; err != nil && !errors.Is(err, webhook.ErrUnavailable) {
		t.Error(err)
	}
	p.must(<-beat(t.Context()))
}

// TestAPromotedStandbyAlone: after a failover to a primary without a standby of its own
// nothing is acknowledged, and no lease is extended, until it has one: what is stored there
// meanwhile could be lost with it. Then the store continues without a restart.
func TestAPromotedStandbyAlone(t *testing.T) {
	p := pair(t)
	both := strings.Replace(p.url, p.primary.Address(), p.primary.Address()+","+p.standby.Address(), 1)
	s := p.open(both + "&target_session_attrs=read-write")
	_, err := s.Join(t.Context(), storage.NodeInfo{Name: "a"})
	p.must(err)
	p.must(<-p.accept(s, "before"))
	p.must(p.primary.Kill(), p.standby.Promote(t.Context()))
	p.refuses(s)
	if _, err := s.Heartbeat(t.Context(), storage.Beat{Lease: time.Minute}); err == nil || !strings.Contains(err.Error(), "no synchronous standby any more") {
		t.Errorf("a heartbeat: %v", err)
	}
	copied := p.server(p.standby.Standby(t.Context()))
	p.must(<-p.accept(s, "with a copy"))
	_, err = s.Heartbeat(t.Context(), storage.Beat{Lease: time.Minute})
	p.must(err)
	at := with(t, p.url, func(u *url.URL) { u.Host = copied.Address() })
	for _, key := range []string{"before", "with a copy"} {
		if !valueOf[bool](t, at, "SELECT count(*) > 0 FROM event WHERE nonce = $1", len(key)) {
			t.Errorf("the copy lacks what was acknowledged: %q", key)
		}
	}
}

// refuses fails the test unless publications and changes are answered with ErrUnavailable,
// and the reason names what the operator can do.
func (p *replicated) refuses(s *Store) {
	p.Helper()
	event := p.accept(s, "nobody else has it")
	change := s.CreateEventType(p.Context(), webhook.EventType{Name: "t"})
	for what, err := range map[string]error{"an event": <-event, "a change": change} {
		if !errors.Is(err, webhook.ErrUnavailable) {
			p.Errorf("%s on a lone primary: %v", what, err)
		}
	}
}

// TestAStandbyGivenUp: a commit that waits for the standby is released when the operator,
// or Patroni without its strict mode, empties synchronous_standby_names. It is not
// acknowledged before the server waits for a standby again and that has it.
func TestAStandbyGivenUp(t *testing.T) {
	p := pair(t)
	p.must(p.standby.Suspend())
	done := p.accept(p.store, "once")
	p.waiting(p.store)
	p.must(p.primary.RequireStandby(t.Context(), false))
	if err := <-done; !errors.Is(err, webhook.ErrUnavailable) {
		t.Errorf("an event that only the primary has was answered with %v", err)
	}
	p.must(p.standby.Resume(), p.primary.RequireStandby(t.Context(), true))
	p.must(<-p.accept(p.store, "again"))
	if n := valueOf[int](t, p.onStandby(), "SELECT count(*) FROM event"); n != 3 {
		t.Errorf("the standby has %d events of 3", n)
	}
}

// TestASingleCopyWhereAllowed: whoever allows a lone primary asks for no standby.
func TestASingleCopyWhereAllowed(t *testing.T) {
	p := pair(t)
	s, err := Open(t.Context(), Options{URL: p.url, LonePrimary: true})
	p.must(err)
	t.Cleanup(func() { p.must(s.Close()) })
	p.must(p.primary.RequireStandby(t.Context(), false))
	p.must(<-p.accept(s, "alone"))
	p.must(s.CreateEventType(t.Context(), webhook.EventType{Name: "t"}))
}
