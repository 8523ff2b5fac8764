package receiver

import (
	"context"
	"net/http"

	"github.com/corpastro/astrohook/bench/latency"
)

// Caller sends in, unless nil, as JSON to a path of the receiver, and decodes the
// answer into out, unless nil.
type Caller interface {
	Call(ctx context.Context, method, path string, in, out any) error
}

// Control asks and instructs a receiver that runs in another process.
type Control struct{ Caller }

const (
	expectPath = "/control/expect"
	countsPath = "/control/counts"
	windowPath = "/control/window"
	auditPath  = "/control/audit"
	latePath   = "/control/slow"
	refusePath = "/control/refuse"
	acceptPath = "/control/accept"
)

// Expect begins a run. Deliveries of the run before it count as foreign from now on.
func (c Control) Expect(ctx context.Context, e Expectation) error {
	return c.Call(ctx, http.MethodPost, expectPath, e, nil)
}

// Counts returns how far the run has come. It is cheap enough to ask many times a second.
func (c Control) Counts(ctx context.Context) (counts Counts, err error) {
	err = c.Call(ctx, http.MethodGet, countsPath, nil, &counts)
	return counts, err
}

// Window returns the latencies of what arrived since Window was last called.
func (c Control) Window(ctx context.Context) (l latency.Summary, err error) {
	err = c.Call(ctx, http.MethodPost, windowPath, nil, &l)
	return l, err
}

// Audit returns the final account of the run.
func (c Control) Audit(ctx context.Context, published AuditRequest) (a Audit, err error) {
	err = c.Call(ctx, http.MethodPost, auditPath, published, &a)
	return a, err
}

// SetLate makes the slow endpoints answer late, or at once again, and returns how
// they are doing.
func (c Control) SetLate(ctx context.Context, late bool) (counts SlowCounts, err error) {
	err = c.Call(ctx, http.MethodPost, latePath, late, &counts)
	return counts, err
}

// SlowCounts returns how the slow endpoints are doing.
func (c Control) SlowCounts(ctx context.Context) (counts SlowCounts, err error) {
	err = c.Call(ctx, http.MethodPost, latePath, nil, &counts)
	return counts, err
}

// Refuse makes an address at which the receiver refuses connections until Accept. It
// replaces the one before it: a receiver has one at a time.
func (c Control) Refuse(ctx context.Context) (address string, err error) {
	err = c.Call(ctx, http.MethodPost, refusePath, nil, &address)
	return address, err
}

// Accept makes the receiver accept deliveries at the address that refused them.
func (c Control) Accept(ctx context.Context) error {
	return c.Call(ctx, http.MethodPost, acceptPath, nil, nil)
}
