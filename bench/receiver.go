package main

import (
	"context"
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

// receiverArgument, as the first one, makes the bench its receiver.
const receiverArgument = "receiver"

// receiverCommand runs the receiver as a process of its own, until its standard
// input ends: so it never outlives the bench that started it.
type receiverCommand struct {
	Listen string `help:"Address to listen on." default:"127.0.0.1:0"`
}

// Run prints the address that it got, then serves.
func (c *receiverCommand) Run(context.Context) error {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	r := newReceiver()
	if r.listenOn, _, err = net.SplitHostPort(listener.Addr().String()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := r.server()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // any end of it will do
		if err := errors.Join(r.closeDoor(), server.Shutdown()); err != nil {
			fmt.Fprintln(os.Stderr, "stop the receiver:", err)
		}
	}()
	fmt.Println(listener.Addr())
	if err := server.Serve(listener); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// receiver answers 200 to every delivery and keeps the tally of the current run.
//
//	POST /deliver/N          a delivery for the endpoint N
//	POST /hole/N             the same for one that never answers
//	POST /slow/N             the same for one that answers late; it is no part of the tally
//	POST /control/expect     begin a run: an expectation
//	GET  /control/counts     how far it has come: counts
//	POST /control/window     the latencies since the last window
//	POST /control/audit      what is missing: an auditRequest, answered with an audit
//	POST /control/slow       make the slow ones late, or not: slowCounts
//	POST /control/door       make a closed door; the answer is its address
//	POST /control/door/open  open it
type receiver struct {
	tally atomic.Pointer[tally]
	slow  slowness

	mu sync.Mutex
	// door is the current one; nil if there is none.
	door *door
	// listenOn is the host that doors are made on.
	listenOn string
}

const (
	deliverPath = "/deliver/"
	holePath    = "/hole/"
)

func newReceiver() *receiver {
	r := new(receiver)
	r.tally.Store(newTally(expectation{Endpoints: 1}))
	return r
}

func (r *receiver) server() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:            r.handle,
		NoDefaultDate:      true,
		ReadTimeout:        2 * time.Minute,
		WriteTimeout:       time.Minute,
		MaxRequestBodySize: 16 << 20,
		Concurrency:        1 << 20,
		CloseOnShutdown:    true,
	}
}

func (r *receiver) handle(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	if endpoint, ok := strings.CutPrefix(path, deliverPath); ok {
		r.deliver(ctx, endpoint)
		return
	}
	if strings.HasPrefix(path, holePath) {
		ctx.HijackSetNoResponse(true)
		ctx.Hijack(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }) // until the other side gives up
		return
	}
	if strings.HasPrefix(path, slowPath) {
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

func (r *receiver) deliver(ctx *fasthttp.RequestCtx, endpoint string) {
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

// auditRequest tells how many events were published, and which of them the
// server never answered for.
type auditRequest struct {
	Issued  uint64   `json:"issued"`
	Unknown []uint64 `json:"unknown"`
}

// audit is the final account of a run.
type audit struct {
	counts
	Lost    uint64    `json:"lost"`
	Latency latencies `json:"latency"`
	// Seconds are the arrivals in each second since Begin, up to the last one with any.
	Begin   time.Time `json:"begin"`
	Seconds []uint32  `json:"seconds"`
}

var errNoControl = errors.New("no such control")

func (r *receiver) control(path string, body []byte) (any, error) {
	t := r.tally.Load()
	switch path {
	case "/control/expect":
		var e expectation
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, fmt.Errorf("read the expectation: %w", err)
		}
		e.SampleEvery, e.Endpoints = max(e.SampleEvery, 1), max(e.Endpoints, 1)
		r.tally.Store(newTally(e))
		return e, nil
	case "/control/counts":
		return t.counts(), nil
	case "/control/window":
		return t.window(), nil
	case "/control/slow":
		return r.slow.control(body)
	case "/control/door":
		return r.makeDoor()
	case "/control/door/open":
		return nil, r.openDoor()
	case "/control/audit":
		var a auditRequest
		if err := json.Unmarshal(body, &a); err != nil {
			return nil, fmt.Errorf("read what was published: %w", err)
		}
		return t.audit(a), nil
	}
	return nil, fmt.Errorf("%w: %s", errNoControl, path)
}

func (t *tally) audit(a auditRequest) audit {
	unknown := make(map[uint64]bool, len(a.Unknown))
	for _, seq := range a.Unknown {
		unknown[seq] = true
	}
	perEvent := t.perEvent()
	lost := t.ledger.missing(a.Issued*perEvent, func(n uint64) bool { return t.excused(n) || unknown[n/perEvent] })
	last := len(t.seconds)
	for last > 0 && t.seconds[last-1].Load() == 0 {
		last--
	}
	seconds := make([]uint32, last)
	for i := range seconds {
		seconds[i] = t.seconds[i].Load()
	}
	return audit{counts: t.counts(), Lost: lost, Latency: summarise(t.meter.merged()), Begin: t.begin, Seconds: seconds}
}
