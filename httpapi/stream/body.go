package stream

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/inbound"
	"github.com/corpastro/astrohook/webhook/live"
)

const (
	// comments is how often a stream without items sends a comment, so that proxies keep
	// the connection.
	comments = 15 * time.Second
	// checks is how often a stream looks whether its caller is still admitted.
	checks = time.Second
	// pace is the shortest time between two pieces of a stream. What happens after a while in
	// which nothing did is sent at once; a busy server writes ten pieces a second, and no reader
	// costs its publishers more, however many items there are.
	pace = 100 * time.Millisecond
)

// body is the answer that a stream is. It is written while it is sent, and ends with its
// client, its credential or the server.
type body struct {
	streams *Streams
	account string
	query   live.Query
	valid   func() error
	request *fasthttp.RequestCtx
	conn    net.Conn

	once   sync.Once
	reader Reader // nil before the first Read: an answer to HEAD reads nothing
	ctx    context.Context
	end    context.CancelFunc
	leave  func() // ends what looks for the client's end

	text        []byte // what is still to be sent
	nextComment time.Time
	nextCheck   time.Time
	nextPiece   time.Time
}

// Read returns the next piece, and waits until there is one.
func (b *body) Read(p []byte) (int, error) {
	if b.reader == nil {
		b.begin(time.Now())
	}
	for len(b.text) == 0 {
		if !b.fill(time.Now()) {
			return 0, io.EOF
		}
	}
	// A client that takes nothing for that long is cut off.
	if err := b.conn.SetWriteDeadline(time.Now().Add(b.streams.options.Write)); err != nil {
		return 0, err
	}
	n := copy(p, b.text)
	b.text = b.text[n:]
	return n, nil
}

// begin subscribes, and says hello.
func (b *body) begin(now time.Time) {
	b.ctx, b.end = context.WithCancel(b.streams.ctx)
	b.leave = inbound.Stream(b.request, b.end)
	b.reader = b.streams.options.Feed.Subscribe(b.query)
	first := b.reader.Next(b.ctx, 0)
	at := first.At
	if len(first.Items) > 0 {
		at.Number = first.Items[0].Number - 1
	}
	b.text = b.streams.texts.appendBatch(appendHello(nil, at, now), &first)
	b.nextComment, b.nextCheck = now.Add(comments), now.Add(checks)
}

// fill waits for the next piece, a second at most. It reports false at the end.
func (b *body) fill(now time.Time) bool {
	if b.ctx.Err() != nil {
		return false
	}
	if !now.Before(b.nextCheck) {
		if b.valid() != nil {
			return false
		}
		b.nextCheck = now.Add(checks)
	}
	b.await(b.nextPiece.Sub(now))
	batch := b.reader.Next(b.ctx, checks)
	switch {
	case len(batch.Items) > 0 || batch.Lost > 0:
		b.text = b.streams.texts.appendBatch(b.text[:0], &batch)
		b.nextPiece = time.Now().Add(pace)
	case !now.Before(b.nextComment):
		// The ID moves along: what passed a filter by is not lost.
		b.text = append(appendPlace(append(b.text[:0], ":\n"...), batch.At), '\n')
	default:
		return true
	}
	b.nextComment = now.Add(comments)
	return true
}

// await waits for a time, or until the stream ends.
func (b *body) await(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.ctx.Done():
	}
}

// Close ends the stream. It is called once the answer was sent or cannot be.
func (b *body) Close() error {
	b.once.Do(func() {
		if b.reader != nil {
			b.end()
			b.leave()
			b.reader.Close()
		}
		b.streams.gauge.Dec()
		b.streams.open.Give(b.account, 1)
	})
	return nil
}
