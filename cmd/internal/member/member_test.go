package member

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// local is a dispatcher that keeps what it is asked. Its answers name the node.
type local struct {
	httpapi.Dispatcher // nil: what is not below is not called
	member             *Member
	name               string
	shelf              *shelf

	mu      sync.Mutex
	hints   []actors.Hint
	audits  int
	applied uint64
	seen    []webhook.Endpoint
	fail    error
	// ranked and overview are its answers, and failing its error of both.
	ranked   webhook.Ranking
	overview webhook.Overview
	failing  error
}

func (l *local) GainParts(webhook.Parts)                      {}
func (l *local) DrainParts(webhook.Parts, func(webhook.Part)) {}
func (l *local) DropParts(webhook.Parts)                      {}
func (l *local) Refresh(context.Context, bool, bool) error    { return nil }

func (l *local) Offer(hints []actors.Hint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hints = append(l.hints, hints...)
}

func (l *local) Audit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.audits++
}

func (l *local) Applied() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.applied
}

// dispatcher is a local with the Refresh of a dispatcher, which has other arguments than
// that of an API.
type dispatcher struct{ *local }

func (d dispatcher) Refresh() {
	since := d.Applied()
	go func() {
		version, err := d.member.Changes(context.Background(), since, func(e webhook.Endpoint) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.seen = append(d.seen, e)
			return nil
		})
		d.mu.Lock()
		defer d.mu.Unlock()
		if err == nil {
			d.applied = max(d.applied, version)
		}
	}()
}

func (l *local) Health(context.Context, webhook.EndpointNumber) (webhook.Health, error) {
	return webhook.Health{LastReason: webhook.Reason(l.name)}, nil
}

func (l *local) Progress(context.Context, webhook.EndpointNumber) (webhook.Progress, error) {
	return webhook.Progress{Waiting: webhook.Waiting{For: webhook.Wait(l.name)}}, nil
}

func (l *local) Retry(_ context.Context, id webhook.ID) (webhook.Delivery, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return webhook.Delivery{ID: id, EventType: "retried by " + l.name}, l.fail
}

func (l *local) Cancel(_ context.Context, id webhook.ID) (webhook.Delivery, error) {
	return webhook.Delivery{ID: id, EventType: "cancelled by " + l.name}, nil
}

func (l *local) Ranked(_ context.Context, by webhook.Order, most int) (webhook.Ranking, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if by != webhook.ByPending {
		return webhook.Ranking{}, errors.New("asked for another order")
	}
	return webhook.Ranking{Coverage: l.ranked.Coverage, Endpoints: l.ranked.Endpoints[:min(most, len(l.ranked.Endpoints))]}, l.failing
}

func (l *local) Overview(_ context.Context, q webhook.OverviewQuery) (webhook.Overview, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.overview
	if !q.Series {
		o.Series = webhook.Series{}
	}
	return o, l.failing
}

func (l *local) Test(_ context.Context, e webhook.Endpoint, _ webhook.Event, wait bool) (webhook.Delivery, error) {
	d := webhook.Delivery{ID: webhook.ID{Seq: 7, Endpoint: e.Number()}, Status: webhook.Queued}
	if wait {
		d.Attempts = 1
	}
	l.shelf.mu.Lock()
	defer l.shelf.mu.Unlock()
	l.shelf.deliveries[d.ID] = d
	return d, nil
}

// pair is two members: the endpoint 2 is the first one's, the endpoint 1 the second one's.
type pair struct {
	shelf   *shelf
	members [2]*Member
	locals  [2]*local
	asks    [2]httpapi.Dispatcher
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{shelf: &shelf{deliveries: map[webhook.ID]webhook.Delivery{}, gone: map[storage.Incarnation]bool{}}}
	for i := range p.members {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		m, err := Join(t.Context(), Options{
			Store: &place{shelf: p.shelf}, Info: storage.NodeInfo{Name: "node", Address: listener.Addr().String()},
			Secret: strings.Repeat("s", 32), Listener: listener, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		})
		if err != nil {
			t.Fatal(err)
		}
		l := &local{name: []string{"first", "second"}[i], member: m, shelf: p.shelf}
		p.members[i], p.locals[i], p.asks[i] = m, l, m.Dispatcher(l)
		t.Cleanup(func() {
			if err := errors.Join(m.Close(context.Background()), m.Leave(context.Background())); err != nil {
				t.Error(err)
			}
		})
	}
	for i, m := range p.members {
		if err := m.Serve(t.Context(), dispatcher{p.locals[i]}, p.locals[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range p.members { // so that each knows the other
		m.node.Look()
		eventually(t, "the other node", func() bool { return len(m.node.Others()) == 1 && m.node.OwnerOf(0) != 0 })
	}
	return p
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for range 6000 {
		if check() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited a minute for %s", what)
}

// TestForward asks either node about both endpoints: the owner answers.
func TestForward(t *testing.T) {
	p := newPair(t)
	for i, ask := range p.asks {
		for endpoint, owner := range map[webhook.EndpointNumber]string{2: "first", 1: "second"} {
			id := webhook.ID{Seq: 1, Endpoint: endpoint}
			if h, err := ask.Health(t.Context(), endpoint); err != nil || string(h.LastReason) != owner || h.OwnerAway {
				t.Errorf("node %d, health of %d: %+v, %v", i, endpoint, h, err)
			}
			if w, err := ask.Progress(t.Context(), endpoint); err != nil || string(w.Waiting.For) != owner {
				t.Errorf("node %d, progress of %d: %+v, %v", i, endpoint, w, err)
			}
			if d, err := ask.Retry(t.Context(), id); err != nil || d.EventType != "retried by "+owner || d.ID != id {
				t.Errorf("node %d, retry of %d: %+v, %v", i, endpoint, d, err)
			}
			if d, err := ask.Cancel(t.Context(), id); err != nil || d.EventType != "cancelled by "+owner {
				t.Errorf("node %d, cancel of %d: %+v, %v", i, endpoint, d, err)
			}
		}
	}
	p.locals[1].mu.Lock()
	p.locals[1].fail = webhook.ErrConflict
	p.locals[1].mu.Unlock()
	if _, err := p.asks[0].Retry(t.Context(), webhook.ID{Endpoint: 1}); !errors.Is(err, webhook.ErrConflict) {
		t.Errorf("the owner's refusal: %v", err)
	}
}

// TestOwnerAway stops the second node's listener: what it alone knows is left out, what it
// alone may change is refused for now.
func TestOwnerAway(t *testing.T) {
	p := newPair(t)
	if err := p.members[1].server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h, err := p.asks[0].Health(t.Context(), 1); err != nil || !h.OwnerAway || string(h.LastReason) != "first" {
		t.Errorf("health: %+v, %v", h, err)
	}
	if w, err := p.asks[0].Progress(t.Context(), 1); err != nil || string(w.Waiting.For) != "first" {
		t.Errorf("progress: %+v, %v", w, err)
	}
	_, err := p.asks[0].Retry(t.Context(), webhook.ID{Endpoint: 1})
	var later *webhook.RetryAfterError
	if !errors.Is(err, webhook.ErrUnavailable) || !errors.As(err, &later) {
		t.Errorf("retry: %v", err)
	}
	if h, err := p.asks[0].Health(t.Context(), 2); err != nil || h.OwnerAway {
		t.Errorf("health of its own: %+v, %v", h, err)
	}
}

// TestWaitForAnother tests an endpoint of the other node, and waits until storage shows its
// attempt.
func TestWaitForAnother(t *testing.T) {
	p := newPair(t)
	var foreign webhook.Endpoint
	foreign.ID = webhook.ID{Seq: 1, Endpoint: 1}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if d, err := p.asks[0].Test(short, foreign, webhook.Event{}, true); err != nil || d.Attempts != 0 {
		t.Errorf("nobody makes the attempt: %+v, %v", d, err)
	}
	time.AfterFunc(100*time.Millisecond, func() {
		p.shelf.mu.Lock()
		defer p.shelf.mu.Unlock()
		for id, d := range p.shelf.deliveries {
			d.Attempts = 3
			p.shelf.deliveries[id] = d
		}
	})
	if d, err := p.asks[0].Test(t.Context(), foreign, webhook.Event{}, true); err != nil || d.Attempts != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := p.asks[1].Test(t.Context(), foreign, webhook.Event{}, true); err != nil || d.Attempts != 1 {
		t.Errorf("its own: %+v, %v", d, err)
	}
}

// TestHintsFindTheirOwner offers an event for endpoints of both nodes: the other one hears of
// its own. When nodes vanish, the one that is left looks in storage.
func TestHintsFindTheirOwner(t *testing.T) {
	p := newPair(t)
	p.members[0].Offer(actors.Hint{
		Event: webhook.ID{Seq: 3, Nonce: 1}, Type: "user.created", Data: []byte("{}"), Endpoints: []webhook.EndpointNumber{1, 2, 3, 257},
	})
	second := p.locals[1]
	eventually(t, "the hint", func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		return len(second.hints) == 1
	})
	if h := second.hints[0]; len(h.Endpoints) != 3 || string(h.Data) != "{}" || h.Event.Seq != 3 {
		t.Errorf("%+v", h)
	}
	p.shelf.mu.Lock()
	p.shelf.gone[1] = true
	p.shelf.mu.Unlock()
	p.members[1].node.Look()
	eventually(t, "an audit", func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		return second.audits > 0
	})
}

// TestRegistrationsAreInForce registers, and waits until both nodes have it; and catches up
// with what another process has registered.
func TestRegistrationsAreInForce(t *testing.T) {
	p := newPair(t)
	for i := range uint64(10) {
		p.shelf.register(webhook.Endpoint{})
		began := time.Now()
		if err := p.members[0].AwaitApplied(t.Context()); err != nil {
			t.Fatal(err)
		}
		for n, l := range p.locals {
			if at := l.Applied(); at != i+1 {
				t.Errorf("node %d has version %d, want %d, after %s", n, at, i+1, time.Since(began))
			}
		}
	}
	p.shelf.register(webhook.Endpoint{})
	if err := p.members[1].CatchUp(t.Context()); err != nil || p.locals[1].Applied() != 11 {
		t.Errorf("version %d, %v", p.locals[1].Applied(), err)
	}
	if p.members[0].Serving() != nil || p.members[0].MayPublish() != nil || !p.members[0].MaySend() {
		t.Error("a node in order does not serve")
	}
	if nodes, _ := p.members[0].Nodes(); len(nodes) != 2 || !nodes[0].Self || nodes[1].Self || nodes[1].Parts != 128 {
		t.Errorf("%+v", nodes)
	}
}
