package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/corpastro/astrohook/webhook"
)

// receiver is an HTTP handler that verifies, prints and answers deliveries.
type receiver struct {
	check signatureCheck
	// delay is how long each answer takes; done ends the wait.
	delay time.Duration
	done  <-chan struct{}
	// status answers a delivery; failStatus the first fail of them, or all if fail is negative.
	status, failStatus int
	fail               int
	out                io.Writer

	mu       sync.Mutex // guards out and received
	received int
}

// ServeHTTP takes one delivery.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxDeliveryBody))
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
	status := r.print(&d)
	select {
	case <-time.After(r.delay):
	case <-request.Context().Done():
	case <-r.done:
	}
	w.WriteHeader(status)
}

// print counts the delivery, decides on the answer and shows both.
func (r *receiver) print(d *receivedDelivery) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received++
	status := r.status
	switch {
	case !d.valid():
		status = http.StatusUnauthorized
	case r.fail < 0 || r.received <= r.fail:
		status = r.failStatus
	}
	_, _ = io.WriteString(r.out, d.text(status))
	return status
}

// receivedDelivery is a request as it arrived, and what was found of it.
type receivedDelivery struct {
	at      time.Time
	headers http.Header
	names   webhook.Headers
	body    []byte
	least   int // of signatures that it must carry; 0: there was nothing to check them with
	results []signatureResult
}

// valid tells whether nothing speaks against the delivery: no signature that it
// must carry is missing, and none is wrong.
func (d *receivedDelivery) valid() bool {
	for _, r := range d.results {
		if r.err != nil {
			return false
		}
	}
	return len(d.results) >= d.least
}

// text is a block for people: what came, its signatures, its body.
func (d *receivedDelivery) text(answer int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s  answered %d\n", d.at.Format("15:04:05.000"),
		orDash(d.headers.Get(d.names.Event)), orDash(d.headers.Get(d.names.ID)), answer)
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
	fmt.Fprintf(&b, "  %s\n\n", orDash(string(d.body)))
	return b.String()
}

// eventLine says which event a delivery carries, when it was accepted, and the
// number of the attempt; "" if the headers do not say.
func eventLine(headers http.Header, names webhook.Headers) string {
	var parts []string
	for _, part := range [...]struct{ before, name string }{
		{"event ", names.EventID}, {"accepted at ", names.EventTimestamp}, {"attempt ", names.Attempt},
	} {
		if value := headers.Get(part.name); value != "" {
			parts = append(parts, part.before+printable(value))
		}
	}
	return strings.Join(parts, ", ")
}

// orDash is a sender's text for the terminal; "-" for none.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return printable(text)
}

// printable keeps what a sender wrote from steering the terminal.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			return '?'
		}
		return c
	}, text)
}
