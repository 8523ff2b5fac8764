//go:build unix

package sender

import (
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// TestAllKeptConnectionsClosed: an attempt passes over all kept connections that the
// receiver has closed, and makes one request, on a new one.
func TestAllKeptConnectionsClosed(t *testing.T) {
	const kept = 5
	s := receivertest.Listen(t)
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	release := make(chan struct{})
	s.Behave(keepThenClose(kept, release))
	done := make(chan webhook.Attempt, kept)
	for range kept {
		go func() { done <- send(target) }()
	}
	s.Wait(within(t), kept)
	close(release)
	for range kept {
		wantAttempt(t, <-done, 200, webhook.ReasonNone)
	}
	if !s.WaitClosed(within(t)) {
		t.Fatal("the receiver has not closed its connections")
	}
	a := send(target)
	wantAttempt(t, a, 204, webhook.ReasonNone)
	if a.Requests != 1 || s.Count() != kept+1 {
		t.Fatalf("%d requests counted, %d arrived", a.Requests, s.Count()-kept)
	}
}

// keepThenClose answers the first requests as if their connections were kept, once
// release is closed, and closes them; it answers later ones with 204.
func keepThenClose(first int, release chan struct{}) func(receivertest.Request) receivertest.Reply {
	return func(r receivertest.Request) receivertest.Reply {
		if r.Number > first {
			return receivertest.Answer(204)
		}
		return func(c *receivertest.Conn) {
			<-release
			receivertest.Then(receivertest.Answer(200))(c)
		}
	}
}

// TestLargeRequest: one that the socket does not take at once arrives whole.
func TestLargeRequest(t *testing.T) {
	s := receivertest.Listen(t)
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	data := []byte(`"` + strings.Repeat("d", webhook.MaxPayload-2) + `"`)
	for range 3 { // on a fresh connection, and on a kept one
		wantAttempt(t, target.Send(due("user.created", data)), 200, webhook.ReasonNone)
	}
	for _, r := range s.Wait(within(t), 3) {
		if !strings.Contains(string(r.Body), string(data)) {
			t.Fatalf("%d bytes arrived", len(r.Body))
		}
	}
}

// TestEarlierDeadline: the deadline that an earlier request has left does not end the
// next one.
func TestEarlierDeadline(t *testing.T) {
	s := receivertest.Listen(t)
	client := newClient(t, Options{})
	target := open(t, client, s.URL(), webhook.Settings{})
	wantAttempt(t, send(target), 200, webhook.ReasonNone)
	cn := client.idle.take(target.origin)
	left := time.Now().Add(50 * time.Millisecond)
	if err := cn.SetDeadline(left); err != nil {
		t.Fatal(err)
	}
	s.Behave(func(receivertest.Request) receivertest.Reply {
		return func(c *receivertest.Conn) {
			time.Sleep(time.Until(left) + 50*time.Millisecond)
			receivertest.Answer(204)(c)
		}
	})
	// For begin this is a request of a minute, of which 40 s are within what is left.
	if err := cn.begin(left.Add(-40*time.Second), left.Add(20*time.Second)); err != nil || !cn.early {
		t.Fatalf("the deadline that was left is not used: %v", err)
	}
	d := delivery{began: left.Add(-40 * time.Second), eventType: "user.created", data: []byte("{}"), at: time.Now()}
	var a webhook.Attempt
	if _, err := target.exchange(cn, d, left.Add(20*time.Second), &a); err != nil || a.StatusCode != 204 {
		t.Fatalf("%+v, %v", a, err)
	}
}

// TestDeadlineIsSetAgain where the earlier one leaves too little, or is later than the
// request's own.
func TestDeadlineIsSetAgain(t *testing.T) {
	s := receivertest.Listen(t)
	client := newClient(t, Options{})
	target := open(t, client, s.URL(), webhook.Settings{})
	wantAttempt(t, send(target), 200, webhook.ReasonNone)
	cn := client.idle.take(target.origin)
	now := time.Now()
	for _, c := range []struct {
		name        string
		until, ends time.Duration // from now
		early       bool
	}{
		{"most of it is left", 9 * time.Second, 10 * time.Second, true},
		{"all of it is left", 10 * time.Second, 10 * time.Second, true},
		{"half of it is left", 5 * time.Second, 10 * time.Second, false},
		{"it has passed", -time.Second, 10 * time.Second, false},
		{"it is later", 11 * time.Second, 10 * time.Second, false},
	} {
		if err := cn.SetDeadline(now.Add(c.until)); err != nil {
			t.Fatal(err)
		}
		if err := cn.begin(now, now.Add(c.ends)); err != nil || cn.early != c.early {
			t.Errorf("%s: %v, %v", c.name, cn.early, err)
		}
	}
	if err := cn.SetReadDeadline(now.Add(9 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := cn.begin(now, now.Add(10*time.Second)); err != nil || cn.early {
		t.Errorf("a deadline of reads alone is used for both: %v", err)
	}
}
