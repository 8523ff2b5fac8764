package peer

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/corpastro/astrohook/storage"
)

const (
	// maxWaiting bounds the bytes of hints that wait for one node while a request is under
	// way, maxMissed those of the hints without data beyond it.
	maxWaiting = 4 << 20
	maxMissed  = maxWaiting/8 + maxWaiting
	// PathHints is the path of batches; Inbox.Take is its handler.
	PathHints = "/v1/hints"
	// retryHints is how soon a batch follows one that got no answer. It has a later number,
	// by which the receiver sees that one is missing.
	retryHints = 250 * time.Millisecond
)

// caller is what an Outbox needs of a Client.
type caller interface {
	Call(ctx context.Context, to storage.Node, path string, body []byte) ([]byte, error)
}

// Outbox sends hints: one request at a time to each node, with everything that gathered
// meanwhile. A node that is slow or away costs the memory of maxWaiting and nothing else.
type Outbox struct {
	client caller
	log    *slog.Logger
	ctx    context.Context
	end    context.CancelFunc

	mu      sync.Mutex
	lines   map[storage.Incarnation]*line
	closed  bool
	senders sync.WaitGroup
	dropped uint64 // hints for which there was no room
}

// NewOutbox returns an Outbox that sends nothing yet.
func NewOutbox(client *Client, log *slog.Logger) *Outbox { return newOutbox(client, log) }

func newOutbox(client caller, log *slog.Logger) *Outbox {
	ctx, end := context.WithCancel(context.Background())
	return &Outbox{client: client, log: log, ctx: ctx, end: end, lines: make(map[storage.Incarnation]*line)}
}

// Send hands hints for one node over. It does not block, and keeps none of their memory.
func (o *Outbox) Send(to storage.Node, hints ...Hint) {
	l := o.line(to)
	if l == nil {
		return
	}
	l.mu.Lock()
	for i := range hints {
		if !l.add(hints[i]) {
			o.mu.Lock()
			o.dropped++
			o.mu.Unlock()
		}
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// line returns what waits for a node; nil after Close.
func (o *Outbox) line(to storage.Node) *line {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.lines[to.Incarnation]
	if l == nil && !o.closed {
		l = &line{to: to, wake: make(chan struct{}, 1)}
		o.lines[to.Incarnation] = l
		o.senders.Go(func() { o.send(l) })
	}
	return l
}

// send sends batches until the outbox is closed or the node has gone.
func (o *Outbox) send(l *line) {
	failing := false
	for {
		select {
		case <-o.ctx.Done():
			return
		case <-l.wake:
		}
		for batch := l.take(); batch != nil; batch = l.take() {
			_, err := o.client.Call(o.ctx, l.to, PathHints, batch)
			if err != nil && !failing {
				l.putBack(batch)
			}
			if err != nil && !o.failed(l, failing, err) {
				return
			}
			failing = err != nil
		}
		if l.isGone() {
			return
		}
	}
}

// failed waits before the next batch, which will show that one is missing. It reports
// whether there is to be one.
func (o *Outbox) failed(l *line, again bool, err error) bool {
	if !again {
		o.log.Info("hints to a node were not answered", slog.String("node", l.to.Name), slog.Any("error", err))
	}
	l.mu.Lock()
	if l.waiting == nil { // so that a batch follows even if there are no more hints
		l.waiting = make([]byte, batchHead)
	}
	l.mu.Unlock()
	select {
	case <-o.ctx.Done():
		return false
	case <-time.After(retryHints):
		return !l.isGone()
	}
}

// Forget ends sending to nodes that are gone.
func (o *Outbox) Forget(gone func(storage.Incarnation) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, l := range o.lines {
		if gone(n) {
			l.mu.Lock()
			l.gone, l.waiting = true, nil
			l.mu.Unlock()
			delete(o.lines, n)
			select {
			case l.wake <- struct{}{}:
			default:
			}
		}
	}
}

// Dropped returns how many hints were dropped for lack of room.
func (o *Outbox) Dropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// Waiting returns how many bytes of hints wait for all nodes together.
func (o *Outbox) Waiting() (bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.lines {
		l.mu.Lock()
		bytes += len(l.waiting)
		l.mu.Unlock()
	}
	return bytes
}

// Close ends all sending. What waits is not sent.
func (o *Outbox) Close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.end()
	o.senders.Wait()
}
