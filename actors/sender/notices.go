package sender

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of the lines about targets that cannot be reached. A client can register
// many such targets, and must not be able to fill the operator's disk.
const (
	noticeInterval = time.Minute // the least time between two lines about one webhook
	maxNotices     = 60          // lines about all webhooks in an interval
	noticedTargets = 10_000      // webhooks whose last line is remembered
)

// notices logs when the operator's settings, or names that do not resolve, keep
// requests from leaving. Clients do not learn the details, so the log is the only
// place to find them. It is safe for concurrent use.
type notices struct {
	log *slog.Logger

	mu     sync.Mutex
	latest *lru.Cache[string, time.Time]
	since  time.Time // when the current interval began
	lines  int       // logged in it
	left   int       // left out since the last line
}

func newNotices(log *slog.Logger) (*notices, error) {
	latest, err := lru.New[string, time.Time](noticedTargets)
	if err != nil {
		return nil, fmt.Errorf("remember what was logged: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &notices{log: log, latest: latest}, nil
}

// unsent logs why the guard, a resolver or the proxy kept an attempt from leaving. It
// ignores all other errors, which are the receiver's.
func (n *notices) unsent(t *Target, err error) {
	why := unsentWords(err)
	if why == nil {
		return
	}
	id := webhook.EndpointID.Format(t.id)
	if left, ok := n.may(id, time.Now()); ok {
		whose := []any{"webhook_id", id, "client_id", t.clientID, "target_host", t.url.Authority}
		n.log.Warn("delivery not sent", append(append(whose, why...), leftOut(left)...)...)
	}
}

// unregistered logs why a registration was refused, or admitted although its name
// did not resolve.
func (n *notices) unregistered(t guard.TargetURL, err error, refused bool) {
	why := unsentWords(err)
	if why == nil {
		why = []any{"why", "its name did not resolve in time"}
	}
	left, ok := n.may(t.Authority, time.Now())
	attrs := append(append([]any{"target_host", t.Authority}, why...), leftOut(left)...)
	switch {
	case ok && refused:
		n.log.Warn("webhook's target refused", attrs...)
	case ok:
		n.log.Warn("webhook's target admitted, but not reachable now", attrs...)
	}
}

// unsentWords returns the attributes of a line about err; nil if an operator can do
// nothing about it.
func unsentWords(err error) []any {
	var refused *guard.Refusal
	var unresolved *unresolvedError
	var proxy *proxyError
	switch {
	case errors.As(err, &refused):
		return []any{"why", "the settings do not allow it", "refused", refused.What, "setting", refused.Advice}
	case errors.As(err, &proxy):
		return []any{"why", "the egress proxy opened no connection", "error", proxy.cause.Error()}
	case errors.As(err, &unresolved):
		return []any{"why", "its name does not resolve", "error", unresolved.cause.Error()}
	}
	return nil
}

// leftOut returns the attribute with the number of lines left out before this one;
// nil if there were none.
func leftOut(lines int) []any {
	if lines == 0 {
		return nil
	}
	return []any{"lines_left_out", lines}
}

// may reports whether a line about a subject may be logged now. left is the number
// of lines left out since the last one.
func (n *notices) may(subject string, now time.Time) (left int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(n.since) >= noticeInterval {
		n.since, n.lines = now, 0
	}
	at, known := n.latest.Get(subject)
	if n.lines >= maxNotices || known && now.Sub(at) < noticeInterval {
		n.left++
		return 0, false
	}
	n.latest.Add(subject, now)
	n.lines++
	left, n.left = n.left, 0
	return left, true
}
