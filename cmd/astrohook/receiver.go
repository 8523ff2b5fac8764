package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
	"github.com/corpastro/astrohook/webhook"
)

// receiver is an HTTP handler that verifies, prints and answers deliveries. It answers any
// path and method: it exists to show what arrives.
type receiver struct {
	check signatureCheck
	// delay comes before each answer; done ends the wait at a stop.
	delay time.Duration
	done  <-chan struct{}
	// status answers a delivery. failStatus answers the first fail deliveries, or all of
	// them if fail is negative.
	status, failStatus int
	fail               int
	forwards           forwards // where valid deliveries are passed on to, whose answer is the receiver's then
	out                io.Writer

	mu       sync.Mutex // guards out and received
	received int        // deliveries so far, valid or not
}

// ServeHTTP receives, verifies, prints and answers one delivery. It prints before the
// delay: users see what arrived while the sender still waits for the answer.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxDeliveryBody))
	// A sender that breaks off has nobody left to answer; nothing is counted or printed.
	if err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			http.Error(w, "body too long", http.StatusRequestEntityTooLarge)
		}
		return
	}
	d := receivedDelivery{at: at, headers: request.Header, names: webhook.HeadersFor(r.check.prefix), body: body}
	if d.least = r.check.least(); d.least > 0 {
		d.results = r.check.run(request.Header, body, at)
	}
	status, accepted := r.decide(&d)
	if target := r.forwards.of(request.Header.Get(d.names.Event)); accepted && target != nil {
		r.wait(request)
		d.passed = pass(w, request, body, target)
		r.print(&d, d.passed.status)
		return
	}
	r.print(&d, status)
	r.wait(request)
	w.WriteHeader(status)
}

// wait waits for the delay, or until the sender gives up or the receiver ends.
func (r *receiver) wait(request *http.Request) {
	select {
	case <-time.After(r.delay):
	case <-request.Context().Done():
	case <-r.done:
	}
}

// decide counts the delivery, and returns the status to answer with and whether that accepts
// it. A delivery that is not valid gets 401, whatever the flags say: a receiver in
// production would refuse it, too.
func (r *receiver) decide(d *receivedDelivery) (status int, accepted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received++
	switch {
	case !d.valid():
		return http.StatusUnauthorized, false
	case r.fail < 0 || r.received <= r.fail:
		return r.failStatus, false
	}
	return r.status, true
}

// print prints the delivery with the answer to it. It holds the lock while it prints, so that
// the lines of two deliveries do not mix.
func (r *receiver) print(d *receivedDelivery, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = io.WriteString(r.out, d.text(status))
}

// receivedDelivery is a request and the results of checking its signatures.
type receivedDelivery struct {
	at      time.Time // when its headers were read
	headers http.Header
	names   webhook.Headers
	body    []byte
	least   int // number of signatures that it must carry; 0 without keys to check them
	results []signatureResult
	passed  *passed // nil if it was not passed on
}

// valid reports whether the delivery has every signature that it must carry, and no
// wrong one. It is true if there was nothing to check them with.
func (d *receivedDelivery) valid() bool {
	for _, r := range d.results {
		if r.err != nil {
			return false
		}
	}
	return len(d.results) >= d.least
}

// text returns what people read of a delivery: its headers, its signatures, its body.
// Everything from the sender goes through terminal.Printable.
func (d *receivedDelivery) text(answer int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s  answered %d\n", d.at.Format("15:04:05.000"),
		terminal.OrDash(d.headers.Get(d.names.Event)), terminal.OrDash(d.headers.Get(d.names.ID)), answer)
	if line := eventLine(d.headers, d.names); line != "" {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	for _, r := range d.results {
		fmt.Fprintf(&b, "  %s\n", r)
	}
	switch {
	case d.least == 0:
		b.WriteString("  signatures not checked: no --secret or --public-key\n")
	case len(d.results) < d.least:
		b.WriteString("  NOT VALID: a signature is missing\n")
	}
	if d.passed != nil {
		fmt.Fprintf(&b, "  %s\n", d.passed)
	}
	fmt.Fprintf(&b, "  %s\n\n", terminal.OrDash(string(d.body)))
	return b.String()
}

// eventLine returns the event's id, the time of its acceptance and the number of the
// attempt; "" if the headers have none of them.
func eventLine(headers http.Header, names webhook.Headers) string {
	var parts []string
	for _, part := range [...]struct{ before, name string }{
		{"event ", names.EventID}, {"accepted at ", names.EventTimestamp}, {"attempt ", names.Attempt},
	} {
		if value := headers.Get(part.name); value != "" {
			parts = append(parts, part.before+terminal.Printable(value))
		}
	}
	return strings.Join(parts, ", ")
}
