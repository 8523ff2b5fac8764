package badgerstore

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// The child of TestKill accepts and settles events from several goroutines and
// says on its standard output what was acknowledged: a letter and a delivery's ID.
const (
	saidAccepted = "accepted"
	saidSettled  = "settled" // delivered or retrying, see childOutcome
)

const childCallers, childEndpoints = 16, 4

// childData is the payload of an event, so that the audit knows it.
func childData(id webhook.ID) []byte {
	return bytes.Repeat([]byte(webhook.EventID.Format(id.Event())), 1+int(id.Nonce%20))
}

// childOutcome is what the child makes of a delivery: two of three are settled.
func childOutcome(id webhook.ID) webhook.Status {
	return []webhook.Status{webhook.Queued, webhook.Delivered, webhook.Retrying}[id.Nonce%3]
}

func childSettlement(id webhook.ID) webhook.Settlement {
	d := webhook.Delivery{ID: id, EventType: "user.created", Status: webhook.Queued}
	code := map[webhook.Status]int{webhook.Delivered: 200, webhook.Retrying: 500}[childOutcome(id)]
	a := webhook.Attempt{At: id.Time(), StatusCode: code, Response: []byte("response")}
	return webhook.Settlement{Was: d.Place(), Now: d.Attempted(a, webhook.DefaultSettings().Retry, 0)}
}

// runChild runs until it is killed.
func runChild(dir string) error {
	s, err := Open(Options{Dir: dir})
	if err != nil {
		return err
	}
	var seq webhook.Sequence
	seq.Resume(s.LastSeq())
	failed := make(chan error)
	for range childCallers {
		go func() {
			for {
				if err := childRound(s, &seq); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func childRound(s *Store, seq *webhook.Sequence) error {
	id := webhook.ID{Seq: seq.Next(time.Now()), Nonce: rand.Uint32()}
	n := webhook.EndpointNumber(1 + id.Nonce%childEndpoints)
	done := make(chan error, 1)
	e := webhook.Event{ID: id, Type: "user.created", Data: childData(id), Endpoints: []webhook.EndpointNumber{n}}
	s.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { done <- err })
	if err := <-done; err != nil {
		return err
	}
	say(saidAccepted, id.For(n))
	if childOutcome(id) == webhook.Queued {
		return nil
	}
	s.Settle(childSettlement(id.For(n)), func(err error) { done <- err })
	if err := <-done; err != nil {
		return err
	}
	say(saidSettled, id.For(n))
	return nil
}

// say writes one line at once: a pipe keeps it whole.
func say(what string, id webhook.ID) {
	fmt.Fprintf(os.Stdout, "%s %s\n", what, webhook.DeliveryID.Format(id))
}

// ledger is what the children acknowledged.
type ledger struct{ accepted, settled map[webhook.ID]bool }

func TestKill(t *testing.T) {
	dir := t.TempDir()
	l := ledger{map[webhook.ID]bool{}, map[webhook.ID]bool{}}
	for range 5 {
		l.killOne(t, dir, 200+rand.IntN(2000))
		s, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		l.audit(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d accepted, %d settled", len(l.accepted), len(l.settled))
}

// killOne runs a child and kills it after so many lines; what it still said counts too.
func (l *ledger) killOne(t *testing.T, dir string, lines int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(out)
	for range lines {
		l.note(t, read)
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	for l.note(t, read) {
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
}

// note takes one line down; false at the end.
func (l *ledger) note(t *testing.T, out *bufio.Reader) bool {
	t.Helper()
	line, err := out.ReadString('\n')
	if errors.Is(err, io.EOF) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	what, text, _ := strings.Cut(strings.TrimSpace(line), " ")
	id, err := webhook.DeliveryID.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	l.accepted[id] = true
	if what == saidSettled {
		l.settled[id] = true
	}
	return true
}

// audit compares what is stored with what was acknowledged.
func (l *ledger) audit(t *testing.T, s *Store) {
	t.Helper()
	atOnce := s.Pending()
	for id := range l.accepted {
		e, err := s.Event(t.Context(), id)
		if err != nil || !bytes.Equal(e.Data, childData(id)) {
			t.Fatalf("event of %v: %v, %d bytes", id, err, len(e.Data))
		}
		d, err := s.Delivery(t.Context(), id)
		if err != nil {
			t.Fatalf("delivery %v: %v", id, err)
		}
		settled := d.Status == childOutcome(id) && d.Status != webhook.Queued
		if l.settled[id] && !settled || !settled && d.Status != webhook.Queued {
			t.Fatalf("delivery %v is %s, settled: %v", id, d.Status, l.settled[id])
		}
	}
	stored := map[webhook.Status]int{}
	for n := webhook.EndpointNumber(1); n <= childEndpoints; n++ {
		auditEndpoint(t, s, n, stored)
	}
	if pending := stored[webhook.Queued] + stored[webhook.Retrying]; atOnce != int64(pending) {
		t.Fatalf("after Open Pending is %d, stored %d", atOnce, pending)
	}
}

// auditEndpoint looks whether each delivery is at one place only.
func auditEndpoint(t *testing.T, s *Store, n webhook.EndpointNumber, stored map[webhook.Status]int) {
	t.Helper()
	seen := map[webhook.ID]bool{}
	q := webhook.DeliveryQuery{Endpoint: n, Limit: 1000}
	for more := true; more; more = q.Before != (webhook.ID{}) {
		page, err := s.ListDeliveries(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Deliveries {
			if seen[d.ID] {
				t.Fatalf("delivery %v is at two places", d.ID)
			}
			seen[d.ID] = true
			stored[d.Status]++
		}
		q.Before = page.Next
	}
	due, _, err := s.Scheduled(t.Context(), n, webhook.Slot{}, time.Now().Add(time.Hour), 1<<30, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	retrying := 0
	for id := range seen {
		if d, err := s.Delivery(t.Context(), id); err == nil && d.Status == webhook.Retrying {
			retrying++
		}
	}
	if len(due) != retrying {
		t.Fatalf("%d in the retry schedule, %d retrying", len(due), retrying)
	}
}
