package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// numbers returns the number of a batch, and those of its events.
func numbers(t *testing.T, batch []byte) (number uint64, events []uint64) {
	t.Helper()
	number, hints, err := parseBatch(batch)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hints {
		events = append(events, h.ID.Seq)
	}
	return number, events
}

// TestLineNumbers: batches are numbered from 1 on, one number is left out for hints that were
// dropped, and nothing to send takes no number.
func TestLineNumbers(t *testing.T) {
	var l line
	if l.take() != nil {
		t.Error("a batch of nothing")
	}
	for _, step := range []struct {
		reason string
		before func()
		number uint64
		events []uint64
	}{
		{"the first", func() { l.add(hint(1, 5)) }, 1, []uint64{1}},
		{"two hints", func() { l.add(hint(2, 5)); l.add(hint(3, 0)) }, 2, []uint64{2, 3}},
		{"hints were dropped", func() { l.add(hint(4, 5)); l.skip = true }, 4, []uint64{4}},
		{"the next", func() { l.add(hint(5, 5)) }, 5, []uint64{5}},
		{"only drops", func() { l.skip = true }, 7, nil},
		{"no hint", func() { l.waiting = make([]byte, batchHead) }, 8, nil},
	} {
		step.before()
		number, events := numbers(t, l.take())
		if number != step.number || !slices.Equal(events, step.events) {
			t.Errorf("%s: number %d with %v, want %d with %v", step.reason, number, events, step.number, step.events)
		}
		if l.take() != nil {
			t.Errorf("%s: it is taken twice", step.reason)
		}
	}
}

// TestPutBack: a batch that is put back comes before what has gathered since, with another
// number, if there is room for both and the node is still there.
func TestPutBack(t *testing.T) {
	for _, c := range []struct {
		reason string
		since  func(l *line)
		want   []uint64 // the first events of the next batch
	}{
		{"nothing since", func(*line) {}, []uint64{1, 2}},
		{"no hint since", func(l *line) { l.waiting = make([]byte, batchHead) }, []uint64{1, 2}},
		{"a hint since", func(l *line) { l.add(hint(3, 10)) }, []uint64{1, 2, 3}},
		{"hints since that fill the room", func(l *line) {
			large := hint(3, 0)
			large.Endpoints = make([]webhook.EndpointNumber, MaxHintEndpoints)
			for i := range large.Endpoints {
				large.Endpoints[i] = 1
			}
			for l.add(large) {
			}
			for l.add(hint(3, 0)) { // what is left
			}
		}, []uint64{3, 3, 3}},
		{"the node has gone since", func(l *line) { l.gone = true }, nil},
	} {
		var l line
		l.add(hint(1, 10))
		l.add(hint(2, 10))
		first := l.take()
		c.since(&l)
		l.putBack(first)
		if len(l.waiting) > maxMissed {
			t.Errorf("%s: %d bytes wait", c.reason, len(l.waiting))
		}
		batch := l.take()
		if c.want == nil {
			if batch != nil {
				t.Errorf("%s: a batch of %d bytes", c.reason, len(batch))
			}
			continue
		}
		if number, events := numbers(t, batch); number < 2 || !slices.Equal(events[:min(len(events), 3)], c.want) {
			t.Errorf("%s: batch %d begins with %v, want %v", c.reason, number, events[:min(len(events), 3)], c.want)
		}
	}
}

// TestInboxForgets: the numbers of nodes that are gone are forgotten with the next new node.
// A batch without hints is only a number.
func TestInboxForgets(t *testing.T) {
	r := &receiver{}
	known := map[storage.Incarnation]bool{1: true, 2: true}
	in := NewInbox(r, func(n storage.Incarnation) bool { return known[n] })
	take := func(from storage.Incarnation, number byte, lost int) {
		t.Helper()
		if _, err := in.Take(t.Context(), from, batchOf(number)); err != nil || r.lost != lost || len(r.hints) > 0 {
			t.Errorf("batch %d of node %d: %v, lost %d times, want %d; %d hints", number, from, err, r.lost, lost, len(r.hints))
		}
	}
	take(1, 1, 0)
	take(1, 2, 0)
	delete(known, 1)
	take(2, 1, 0)
	if _, remembered := in.last[1]; remembered || len(in.last) != 1 {
		t.Errorf("remembered are %v", in.last)
	}
	take(1, 3, 1) // it is new here: what came before its third batch is not known
}

// arrivals passes on what an inbox hands over.
type arrivals chan []Hint

func (a arrivals) Hinted(hints []Hint) { a <- hints }
func (a arrivals) Lost()               {}

// TestOutboxToInbox sends hints from one node to another over the network.
func TestOutboxToInbox(t *testing.T) {
	arrived := make(arrivals, 100)
	in := NewInbox(arrived, func(storage.Incarnation) bool { return true })
	to := startServer(t, map[string]Handler{PathHints: in.Take})
	o := NewOutbox(startClient(t, 1, testSecret), slog.New(slog.DiscardHandler))
	defer o.Close()
	for _, h := range someHints {
		o.Send(to, h)
	}
	var got []Hint
	for len(got) < len(someHints) {
		select {
		case hints := <-arrived:
			for _, h := range hints { // a batch without an answer in time is sent again
				if !slices.ContainsFunc(got, func(o Hint) bool { return reflect.DeepEqual(o, h) }) {
					got = append(got, h)
				}
			}
		case <-t.Context().Done():
			t.Fatal("not all hints arrived")
		}
	}
	if !reflect.DeepEqual(got, someHints) || o.Dropped() > 0 {
		t.Errorf("%+v arrived, %d were dropped", got, o.Dropped())
	}
}

// TestReach distinguishes whom a node does not trust, who is not there, and whoever answers.
func TestReach(t *testing.T) {
	nodeAt := func(address string) storage.Node {
		return storage.Node{Incarnation: 2, NodeInfo: storage.NodeInfo{Name: "b", Address: address}}
	}
	foreign := httptest.NewUnstartedServer(http.NotFoundHandler())
	foreign.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	foreign.StartTLS()
	defer foreign.Close()
	over := NewClient(ClientOptions{Self: 1, Secret: testSecret, TLS: &tls.Config{RootCAs: x509.NewCertPool()}})
	t.Cleanup(over.Close)
	plain := startClient(t, 1, testSecret)
	there := startServer(t, NoticeHandlers(func() {}, func(context.Context, uint64) uint64 { return 0 }))
	silent := startServer(t, nil) // it has no path for notices, and says so
	secure := serve(t, ServerOptions{
		Self: 2, Secret: testSecret, Known: func(storage.Incarnation) bool { return true }, Handlers: map[string]Handler{},
		TLS: &tls.Config{Certificates: foreign.TLS.Certificates}, Log: slog.New(slog.DiscardHandler),
	})
	for _, c := range []struct {
		reason string
		from   *Client
		to     storage.Node
		want   error // besides ErrAway; nil for an answer
	}{
		{"it answers", plain, there, nil},
		{"it refuses", plain, silent, nil},
		{"nobody there", plain, nodeAt("127.0.0.1:1"), ErrAway},
		{"no address", plain, nodeAt("a b"), ErrAway},
		{"a certificate of another authority", over, nodeAt(foreign.Listener.Addr().String()), ErrDistrust},
		{"a node's own certificate of another authority", over, secure, ErrDistrust},
		{"only this node has TLS", over, there, ErrOneSided},
		{"only the other node has TLS", plain, secure, ErrOneSided},
	} {
		err := c.from.Reach(t.Context(), c.to)
		for _, reason := range []error{ErrDistrust, ErrOneSided} {
			if errors.Is(err, reason) != errors.Is(c.want, reason) {
				t.Errorf("%s: %v", c.reason, err)
			}
		}
		if errors.Is(err, ErrAway) != (c.want != nil) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.reason, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), c.to.Address) {
			t.Errorf("%s: %v does not say which node", c.reason, err)
		}
	}
}

// TestDistrusts: only errors about certificates count, also the other side's.
func TestDistrusts(t *testing.T) {
	remote := func(op string, err error) error {
		return fmt.Errorf("post: %w", &net.OpError{Op: op, Err: err})
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{remote("remote error", tls.AlertError(116)), true}, // certificate required
		{remote("read", errors.New("connection reset by peer")), false},
		{remote("remote error", errors.New("overload")), false},
		{remote("local error", tls.AlertError(80)), false}, // internal error
		{fmt.Errorf("post: %w", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), true},
		{fmt.Errorf("post: %w", tls.RecordHeaderError{Msg: "no TLS"}), true},
		{context.DeadlineExceeded, false},
		{nil, false},
	} {
		if got := distrusts(c.err); got != c.want {
			t.Errorf("%v: %t, want %t", c.err, got, c.want)
		}
	}
}

// TestNoRedirects: an answer that leads elsewhere is not followed: the frame is for one node.
func TestNoRedirects(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	leads := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusSeeOther))
	to := storage.Node{Incarnation: 2, NodeInfo: storage.NodeInfo{Address: leads.Listener.Addr().String()}}
	got, err := startClient(t, 1, testSecret).Call(t.Context(), to, "/echo", bytes.Repeat([]byte("x"), 10))
	leads.Close()
	other.Close()
	if !errors.Is(err, ErrAway) || len(got) > 0 || elsewhere > 0 {
		t.Errorf("%q, %v; followed %d times", got, err, elsewhere)
	}
}
