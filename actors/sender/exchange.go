package sender

import (
	"errors"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/actors/sender/detail"
	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/webhook"
)

// exchange sends a request over a connection and reads the response, all until the
// deadline. Then it keeps the connection for the next request or closes it. err is
// nil once the response's status line was read: the rest changes no verdict.
// unseen reports whether the request failed and the receiver cannot have read any
// of it.
func (t *Target) exchange(cn *conn, d delivery, deadline time.Time, a *webhook.Attempt) (unseen bool, err error) {
	response := http1.NewResponseReader(cn)
	defer response.Release()
	before := cn.meter.written
	h, err := t.askHead(cn, response, d, deadline)
	if cn.meter.written > before {
		a.Requests++
	}
	if at := response.FirstAt(); !at.IsZero() {
		a.Connection.FirstByte = at.Sub(d.began)
	}
	if err != nil {
		// unseen needs how long the request took. d began with the request, because a
		// kept connection costs no time to get.
		unseen = !response.Received() && cn.unseen(before, time.Since(d.began), err)
		t.client.closeInUse(cn)
		return unseen, cn.explain(err, response.Received())
	}
	cn.answered = true
	a.StatusCode, a.Latency, a.Detail = h.Status, response.StatusAt().Sub(d.began), h.Note
	a.Location, a.ResponseEncoding = h.Location, h.Encoding
	part := response.ReadBody(&h, t.excerptOf(&h), deadline)
	if h.Encoding == "" {
		a.Response, a.ResponseTruncated = part.Excerpt, part.More
	}
	failed := h.Status < 200 || h.Status >= 300
	if failed {
		a.RetryAfter, _ = webhook.ParseRetryAfter(h.RetryAfter, time.Now())
	}
	// Storage writes a record for these anyway, or has a budget for them.
	if failed || len(a.Response) > webhook.MaxShortResponse {
		a.ResponseHead = h.Kept()
	}
	if part.Clean && h.Reusable() && response.Empty() {
		t.client.closeAllIdle(t.client.idle.put(cn))
	} else {
		t.client.closeInUse(cn)
	}
	return false, nil
}

// explain attaches words, and over TLS a class, to the reason why no response came.
// received reports whether any byte of one did.
func (cn *conn) explain(err error, received bool) error {
	switch ended := !received && isEnd(err); {
	case cn.secure && errors.Is(err, http1.ErrHTTP2):
		// ALPN offered HTTP/1.1 only, so this receiver knows nothing else.
		return &tlsFailure{webhook.ReasonTLSProtocol, detail.Explain(err, "the receiver speaks HTTP/2 only")}
	case cn.secure && !cn.answered:
		return cn.judgeAlert(err)
	case ended && cn.answered:
		return detail.Explain(err, "the receiver ended a kept connection without an answer, and may have read the request")
	case ended:
		return detail.Explain(err, "the connection ended without a byte of an answer, as on a port that expects https")
	}
	return err
}

// excerptOf returns how many bytes of a response's body are kept. An encoded body
// is no text that a person could read.
func (t *Target) excerptOf(h *http1.Head) int {
	if h.Encoding != "" {
		return 0
	}
	return t.client.excerpt
}

// askHead writes the request in one piece and reads the response's head. It reads
// even after a write that failed, because a receiver may answer and close before it
// has read everything.
func (t *Target) askHead(cn *conn, response *http1.ResponseReader, d delivery, deadline time.Time) (http1.Head, error) {
	if err := cn.begin(d.began, deadline); err != nil {
		return http1.Head{}, fmt.Errorf("%w: set deadline: %w", http1.ErrEnded, err)
	}
	m := messages.Get().(*message)
	t.appendRequest(m, d)
	failure := cn.send(m)
	if errors.Is(failure, errArrived) {
		return http1.Head{}, failure
	}
	h, err := response.ReadHead()
	if err != nil && failure != nil {
		return h, fmt.Errorf("%w, after a write that failed: %w", err, failure)
	}
	return h, err
}
