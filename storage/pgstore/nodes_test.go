package pgstore

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// openOf opens a store of a cluster in a database.
func openOf(t *testing.T, url, cluster string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url, Cluster: cluster, LonePrimary: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestTwoClusters: a database belongs to the first cluster that joins it.
func TestTwoClusters(t *testing.T) {
	url := database(t)
	for _, c := range []struct {
		cluster string
		refused bool
	}{{"ours", false}, {"theirs", true}, {"ours", false}, {"", false}} {
		_, err := openOf(t, url, c.cluster).Join(t.Context(), storage.NodeInfo{Name: c.cluster})
		if c.refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "cluster-secret") {
			t.Errorf("%q: %v", c.cluster, err)
		}
	}
}

// TestFenceFinishesEvents: what a node left of an event with very many recipients is made
// when it is fenced, and by whoever opens the database, once.
func TestFenceFinishesEvents(t *testing.T) {
	url := database(t)
	a, b := openOf(t, url, ""), openOf(t, url, "")
	for _, s := range []*Store{a, b} {
		if _, err := s.Join(t.Context(), storage.NodeInfo{}); err != nil {
			t.Fatal(err)
		}
	}
	const recipients = webhook.MaxFanOut + 5
	e := someEvent(1)
	for n := range webhook.EndpointNumber(recipients) {
		e.Endpoints = append(e.Endpoints, n+1)
	}
	e.Disabled = []webhook.EndpointNumber{recipients + 1}
	// As if it had ended after the first transaction.
	first := &acceptance{events: []webhook.Event{e}, receipts: make([]webhook.Receipt, 1)}
	first.encode()
	if err := a.committer.Do(t.Context(), &job{accept: first}); err != nil {
		t.Fatal(err)
	}
	queued := func() int64 { return valueOf[int64](t, url, "SELECT count(*) FROM queued") }
	if n := queued(); n != webhook.MaxFanOut {
		t.Fatalf("%d deliveries are queued", n)
	}
	if _, err := a.Heartbeat(t.Context(), storage.Beat{Lease: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	if err := b.Fence(t.Context(), a.incarnation); err != nil {
		t.Fatal(err)
	}
	openTest(t, url)
	if n := queued(); n != recipients {
		t.Errorf("%d deliveries are queued, want %d", n, recipients)
	}
	if got := statusOf(t, b, e.ID.For(recipients+1)); got != webhook.Failed {
		t.Errorf("the withheld one is %q", got)
	}
	if n := valueOf[int64](t, url, "SELECT count(*) FROM unfinished"); n != 0 {
		t.Errorf("%d events are unfinished", n)
	}
	if n := valueOf[int64](t, url, "SELECT sum(pending)::int8 FROM fence"); n != recipients {
		t.Errorf("%d are pending", n)
	}
}

// TestClaimForgetsHeads: another node may have put a delivery before what this one believed
// to be the head of a queue.
func TestClaimForgetsHeads(t *testing.T) {
	url := database(t)
	s := openOf(t, url, "")
	if _, err := s.Join(t.Context(), storage.NodeInfo{}); err != nil {
		t.Fatal(err)
	}
	if due, err := s.Queued(t.Context(), 3, webhook.ID{}, 1, 1<<20); err != nil || len(due) > 0 {
		t.Fatal(due, err)
	}
	old := webhook.ID{Seq: webhook.SeqAt(time.Now().Add(-time.Hour)), Nonce: 1}
	exec(t, url, "INSERT INTO queued SELECT 3, 3, "+strconv.FormatUint(old.Seq, 10)+", 1")
	if due, err := s.Queued(t.Context(), 3, webhook.ID{}, 1, 1<<20); err != nil || len(due) > 0 {
		t.Errorf("the mark does nothing: %v, %v", due, err)
	}
	wakes := 0
	if err := s.Wakes(t.Context(), webhook.AllParts(), 0, func(webhook.Wake) error { wakes++; return nil }); err != nil || wakes != 1 {
		t.Errorf("the audit finds %d endpoints, %v", wakes, err)
	}
	if due, err := s.Queued(t.Context(), 3, old, 1, 1<<20); err != nil || len(due) != 1 {
		t.Errorf("from its own ID: %v, %v", due, err)
	}
	if got, err := s.Claim(t.Context(), webhook.AllParts()); err != nil || got.Len() != webhook.PartCount {
		t.Fatal(got, err)
	}
	if due, err := s.Queued(t.Context(), 3, webhook.ID{}, 1, 1<<20); err != nil || len(due) != 1 {
		t.Errorf("after the part was claimed: %v, %v", due, err)
	}
}

// TestHeartbeatWithoutJoining is refused as that of a fenced node: nobody would know of it.
func TestHeartbeatWithoutJoining(t *testing.T) {
	s := openTest(t, "")
	if _, err := s.Heartbeat(t.Context(), storage.Beat{Lease: time.Minute}); !errors.Is(err, webhook.ErrFenced) {
		t.Errorf("%v", err)
	}
}
