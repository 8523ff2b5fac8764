package httpapi

import (
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

const (
	// smallBody is up to where the room for a body is made in advance, in bytes.
	smallBody = 64 << 10
	// maxBodies bounds the room for all bodies beyond smallBody that are being
	// read or handled, in bytes.
	maxBodies = 128 << 20
)

// bodies lends the room for bodies.
type bodies struct {
	pool sync.Pool
	// large is how much of maxBodies is lent.
	large atomic.Int64
}

// body is room for one.
type body struct {
	text []byte
	// large is what is taken of maxBodies.
	large int64
}

// read reads a request's body, which fasthttp streams, and puts it in the stream's
// place. The room grows with what arrives, not with what is announced. It is to
// be given back when the handler has ended.
func (b *bodies) read(ctx *fasthttp.RequestCtx) (*body, error) {
	from := ctx.Request.BodyStream()
	if from == nil {
		return nil, nil //nolint:nilnil // none came
	}
	room, _ := b.pool.Get().(*body)
	if room == nil {
		room = &body{}
	}
	if err := b.receive(room, ctx, from); err != nil {
		b.giveBack(room)
		return nil, err
	}
	ctx.Request.SetBodyRaw(room.text)
	return room, nil
}

// receive fills room. While it waits for some of the body, so does the connection.
func (b *bodies) receive(room *body, ctx *fasthttp.RequestCtx, from io.Reader) error {
	err := b.fill(room, from, ctx.Request.Header.ContentLength())
	c := connOf(ctx)
	switch {
	case c == nil || c.begun && c.failed == nil:
		return err // all was there
	case c.failed != nil:
		return unreadable(c.failed)
	}
	return errors.Join(err, c.begin(c.size))
}

// fill reads to the end; announced is the length, if it is known.
func (b *bodies) fill(room *body, from io.Reader, announced int) error {
	room.text = slices.Grow(room.text[:0], min(max(announced, 512), smallBody))
	for {
		if len(room.text) == cap(room.text) {
			if err := b.grow(room); err != nil {
				return err
			}
		}
		n, err := from.Read(room.text[len(room.text):cap(room.text)])
		room.text = room.text[:len(room.text)+n]
		switch {
		case len(room.text) > MaxBody:
			return tooLarge(wholeBody, MaxBody)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return unreadable(err)
		}
	}
}

// grow doubles the room, up to one byte more than the largest body.
func (b *bodies) grow(room *body) error {
	size := min(2*cap(room.text), MaxBody+1)
	if size > smallBody {
		more := int64(size) - room.large
		if b.large.Add(more) > maxBodies {
			b.large.Add(-more)
			p := newProblem(codeUnavailable, "too many large bodies are being received")
			p.retryAfter = defaultRetryAfter
			return p
		}
		room.large += more
	}
	text := make([]byte, len(room.text), size)
	copy(text, room.text)
	room.text = text
	return nil
}

// giveBack ends the use of a body. Room for a large one is not kept.
func (b *bodies) giveBack(room *body) {
	b.large.Add(-room.large)
	if room.large > 0 {
		room.text, room.large = nil, 0
	}
	b.pool.Put(room)
}
