// Package receiver is the far end of a measurement: it stands for every subscriber,
// answers the deliveries, and keeps the account of what arrived, how late and how often.
//
// What belongs here: the endpoints that answer, answer late, never answer or refuse
// connections; the ledger and the tally of a run; the check of signatures; the
// controls by which the bench in another process begins a run and asks for its
// account. What does not: sending events (loadgen), the server under test (server),
// and any judgement of the figures (report).
//
// The receiver shares its processors with the server that it measures. So a delivery
// costs it one look at fixed offsets, one checksum and one bit; only every 64th
// delivery has its signatures computed.
package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Receiver answers 200 to every delivery and keeps the tally of the current run. It
// is safe for concurrent use.
//
//	POST /deliver/N          a delivery for the endpoint N
//	POST /black-hole/N       the same for an endpoint that never answers
//	POST /slow/N             the same for an endpoint that can answer late; no part of the tally
//	POST /control/expect     begin a run: Expectation
//	GET  /control/counts     how far the run has come: Counts
//	POST /control/window     the latencies since the last window: latency.Summary
//	POST /control/audit      what is missing: AuditRequest, answered with an Audit
//	POST /control/slow       make slow endpoints late, or not: SlowCounts
//	POST /control/refuse     make an address that refuses connections: the address
//	POST /control/accept     make that address accept connections
type Receiver struct {
	tally atomic.Pointer[tally]
	slow  slowEndpoints
	// host is the IP address on which refusing listeners are made.
	host string

	mu sync.Mutex
	// refusing is the current one, which may accept by now; nil if there is none.
	refusing *refusingListener
}

// The paths of deliveries; the number of the endpoint follows.
const (
	DeliverPath   = "/deliver/"
	BlackHolePath = "/black-hole/"
	SlowPath      = "/slow/"
)

// New returns a receiver that makes its refusing listeners on host, an IP address.
// Until a run begins it takes every delivery for a foreign one.
func New(host string) *Receiver {
	r := &Receiver{host: host}
	r.tally.Store(newTally(Expectation{Endpoints: 1}))
	return r
}

// Run serves on an address, which it prints to output as one line, until input ends.
// The process that started the receiver holds the other end of input: so the receiver
// never outlives it, however that process ends.
func Run(listen string, input io.Reader, output io.Writer) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	host, _, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), listener.Close())
	}
	r := New(host)
	server := r.server()
	go func() {
		_, _ = io.Copy(io.Discard, input) // an error ends the input as well
		if err := errors.Join(r.Close(), server.Shutdown()); err != nil {
			fmt.Fprintln(os.Stderr, "stop the receiver:", err)
		}
		// Shutdown knows the listener only once Serve has begun, which an early end precedes.
		_ = listener.Close()
	}()
	fmt.Fprintln(output, listener.Addr())
	if err := server.Serve(listener); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// server returns a server with bounds that no delivery of a bench reaches: the
// receiver must never be what limits a run.
func (r *Receiver) server() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:            r.Handle,
		NoDefaultDate:      true, // a clock in each answer would be work without use
		ReadTimeout:        2 * time.Minute,
		WriteTimeout:       time.Minute,
		MaxRequestBodySize: 16 << 20,
		Concurrency:        1 << 20,
		CloseOnShutdown:    true,
	}
}

// Handle answers deliveries and controls.
func (r *Receiver) Handle(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	if endpoint, ok := strings.CutPrefix(path, DeliverPath); ok {
		r.deliver(ctx, endpoint)
		return
	}
	if strings.HasPrefix(path, BlackHolePath) {
		ctx.HijackSetNoResponse(true)
		ctx.Hijack(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }) // until the other side gives up
		return
	}
	if strings.HasPrefix(path, SlowPath) {
		r.slow.answer(ctx)
		return
	}
	answer, err := r.control(path, ctx.PostBody())
	if err == nil {
		err = json.NewEncoder(ctx).Encode(answer)
	}
	if err != nil {
		ctx.Error(err.Error(), fasthttp.StatusBadRequest)
	}
}

// deliver counts a delivery. It answers 200 even to a wrong one, which the tally
// notes: a failure would make the server send it again.
func (r *Receiver) deliver(ctx *fasthttp.RequestCtx, endpoint string) {
	n, err := strconv.ParseUint(endpoint, 10, 64)
	if err != nil {
		ctx.Error(err.Error(), fasthttp.StatusNotFound)
		return
	}
	r.tally.Load().receive(n, ctx.PostBody(), time.Now(), func() signatures {
		header := &ctx.Request.Header
		return signatures{
			body:      string(header.Peek("X-Corp-Astro-Signature")),
			id:        string(header.Peek("webhook-id")),
			timestamp: string(header.Peek("webhook-timestamp")),
			standard:  string(header.Peek("webhook-signature")),
		}
	})
}

var errNoControl = errors.New("no such control")

// control carries a control out, and returns what to answer.
func (r *Receiver) control(path string, body []byte) (any, error) {
	t := r.tally.Load()
	switch path {
	case expectPath:
		return r.expect(body)
	case countsPath:
		return t.counts(), nil
	case windowPath:
		return t.window(), nil
	case latePath:
		return r.slow.control(body)
	case refusePath:
		return r.refuse()
	case acceptPath:
		return nil, r.accept()
	case auditPath:
		var a AuditRequest
		if err := json.Unmarshal(body, &a); err != nil {
			return nil, fmt.Errorf("read what was published: %w", err)
		}
		return t.audit(a), nil
	}
	return nil, fmt.Errorf("%w: %s", errNoControl, path)
}

// expect begins a run with an empty tally.
func (r *Receiver) expect(body []byte) (any, error) {
	var e Expectation
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("read the expectation: %w", err)
	}
	e.SampleEvery, e.Endpoints = max(e.SampleEvery, 1), max(e.Endpoints, 1) // both divide
	r.tally.Store(newTally(e))
	return e, nil
}

// refuse replaces the refusing listener, which may accept by now, with one that refuses.
func (r *Receiver) refuse() (string, error) {
	if err := r.Close(); err != nil {
		return "", err
	}
	l, err := newRefusingListener(r.host)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusing = l
	return l.address, nil
}

var errNotRefusing = errors.New("no listener refuses connections")

// accept serves deliveries on the listener that has refused connections so far.
func (r *Receiver) accept() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusing == nil || r.refusing.accepting != nil {
		return errNotRefusing
	}
	listener, err := r.refusing.accept()
	if err != nil {
		return err
	}
	server := r.server()
	go func() { // ends when the listener is closed
		if err := server.Serve(listener); err != nil && !errors.Is(err, net.ErrClosed) {
			fmt.Fprintln(os.Stderr, "serve where connections were refused:", err)
		}
	}()
	return nil
}

// Close closes the refusing listener, whether it accepts by now or not. What serves
// Handle is the caller's to stop.
func (r *Receiver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.refusing
	r.refusing = nil
	return l.close()
}
