package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// deliver sends a body to a receiver without a network, and returns the status; 0 if the
// receiver wrote none.
func deliver(ctx context.Context, r *receiver, body io.Reader) int {
	recorder := httptest.NewRecorder()
	recorder.Code = 0
	r.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", body))
	return recorder.Code
}

// TestReceiverBodies: the largest delivery is taken, a longer body is refused, and what
// did not arrive whole is neither counted nor printed.
func TestReceiverBodies(t *testing.T) {
	for _, c := range []struct {
		reason  string
		body    io.Reader
		status  int
		printed bool
	}{
		{"empty", strings.NewReader(""), 204, true},
		{"the largest", strings.NewReader(strings.Repeat("x", maxDeliveryBody)), 204, true},
		{"one byte more", strings.NewReader(strings.Repeat("x", maxDeliveryBody+1)), 413, false},
		{"cut off", io.MultiReader(strings.NewReader("{"), iotest.ErrReader(io.ErrUnexpectedEOF)), 0, false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			var out strings.Builder
			r := &receiver{status: 204, out: &out}
			if status := deliver(t.Context(), r, c.body); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if printed := out.Len() > 0; printed != c.printed || r.received > 0 != c.printed {
				t.Errorf("printed %q and counted %d, want printed %v", out.String(), r.received, c.printed)
			}
		})
	}
}

// TestReceiverDelay: an answer waits for its delay, unless the sender gives up or the
// receiver ends before.
func TestReceiverDelay(t *testing.T) {
	for _, c := range []struct {
		reason       string
		end          time.Duration // of the receiver; 0 for never
		sender       time.Duration // of the sender; 0 for never
		delay, lasts time.Duration
	}{
		{"no delay", 0, 0, 0, 0},
		{"a delay", 0, 0, time.Minute, time.Minute},
		{"the sender gives up", 0, 10 * time.Second, time.Minute, 10 * time.Second},
		{"the receiver ends", 20 * time.Second, 0, time.Minute, 20 * time.Second},
		{"the delay is over before", 2 * time.Minute, 3 * time.Minute, time.Minute, time.Minute},
	} {
		t.Run(c.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				done, endReceiver := context.WithCancel(t.Context())
				sender, giveUp := context.WithCancel(t.Context())
				for after, end := range map[time.Duration]func(){c.end: endReceiver, c.sender: giveUp} {
					if after > 0 {
						defer time.AfterFunc(after, end).Stop()
					}
				}
				defer endReceiver()
				defer giveUp()
				begin := time.Now()
				r := &receiver{status: 204, delay: c.delay, done: done.Done(), out: io.Discard}
				if status := deliver(sender, r, strings.NewReader("{}")); status != 204 {
					t.Errorf("status %d", status)
				}
				if took := time.Since(begin); took != c.lasts {
					t.Errorf("answered after %v, want %v", took, c.lasts)
				}
			})
		})
	}
}

// TestReceiverTogether: deliveries that arrive together are counted each, and their lines
// do not mix.
func TestReceiverTogether(t *testing.T) {
	const count = 50
	var out strings.Builder
	r := &receiver{status: 204, failStatus: 503, fail: 20, out: &out}
	statuses := make(chan int, count)
	var sending sync.WaitGroup
	for range count {
		sending.Go(func() { statuses <- deliver(t.Context(), r, strings.NewReader("the body")) })
	}
	sending.Wait()
	close(statuses)
	got := map[int]int{}
	for status := range statuses {
		got[status]++
	}
	if got[503] != 20 || got[204] != count-20 {
		t.Errorf("statuses %v, want 20 times 503 and the rest 204", got)
	}
	for block := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\n\n"), "\n\n") {
		if strings.Count(block, "\n") != 2 || !strings.HasSuffix(block, "\n  the body") {
			t.Errorf("a delivery is printed as %q", block)
		}
	}
}

var errSignature = errors.New("verify: signature does not match")

// TestReceivedDelivery: whether a delivery is valid, and what people read about that.
func TestReceivedDelivery(t *testing.T) {
	good, bad := signatureResult{"webhook-signature", nil}, signatureResult{"X-Signature", errSignature}
	for _, c := range []struct {
		reason  string
		least   int
		results []signatureResult
		valid   bool
		want    string
	}{
		{"no keys", 0, nil, true, "  signatures not checked: no --secret or --public-key\n"},
		{"one of one", 1, []signatureResult{good}, true, "  webhook-signature: valid\n"},
		{"one of two", 2, []signatureResult{good}, false, "  webhook-signature: valid\n  NOT VALID: a signature is missing\n"},
		{"none of two", 2, nil, false, "  NOT VALID: a signature is missing\n"},
		{"one wrong", 1, []signatureResult{good, bad}, false, "  webhook-signature: valid\n  X-Signature: NOT VALID: signature does not match\n"},
	} {
		d := receivedDelivery{least: c.least, results: c.results, body: []byte("body")}
		if d.valid() != c.valid {
			t.Errorf("%s: valid is %v", c.reason, d.valid())
		}
		at, rest, _ := strings.Cut(d.text(204), "\n")
		if !strings.HasSuffix(at, "  -  -  answered 204") || rest != c.want+"  body\n\n" {
			t.Errorf("%s: reads\n%s\n%s", c.reason, at, rest)
		}
	}
}

// TestEventLine: the parts that the headers have, in order; a sender's control
// characters are not printed.
func TestEventLine(t *testing.T) {
	names := webhook.HeadersFor("X-A")
	for _, c := range []struct {
		headers map[string]string
		want    string
	}{
		{nil, ""},
		{map[string]string{names.Attempt: "2"}, "attempt 2"},
		{map[string]string{names.EventID: "evt_1", names.EventTimestamp: "2025-01-01T00:00:00Z"}, "event evt_1, accepted at 2025-01-01T00:00:00Z"},
		{map[string]string{names.EventID: "\x1b[2J", names.Attempt: "1"}, "event ?[2J, attempt 1"},
		{map[string]string{names.ID: "whd_1", names.Signature: "x"}, ""},
	} {
		headers := http.Header{}
		for name, value := range c.headers {
			headers.Set(name, value)
		}
		if got := eventLine(headers, names); got != c.want {
			t.Errorf("%v: %q, want %q", c.headers, got, c.want)
		}
	}
}
