package httpapi

import (
	"errors"
	"io"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

const (
	// smallBody is the room that a body gets without asking, in bytes: a connection's.
	smallBody = 4 << 10
	// mediumBody is the room that it gets next. Up to here room is used again.
	mediumBody = 64 << 10
	// maxBodies bounds the room for all bodies beyond smallBody that are being
	// read or handled, in bytes. It is shared by callers.
	maxBodies = 128 << 20
)

// bodies lends the room for bodies.
type bodies struct {
	small, medium sync.Pool
	// large is how much of maxBodies is lent, and to whom.
	large *webhook.Shares
}

func newBodies() bodies { return bodies{large: webhook.NewShares(maxBodies)} }

// body is room for one.
type body struct {
	text []byte
	// lent is what is taken of maxBodies, for who.
	lent int64
	who  string
}

// read reads a caller's body, which fasthttp streams, and puts it in the stream's
// place. The room grows with what arrives, not with what is announced. It is to
// be given back when the handler has ended.
func (b *bodies) read(ctx *fasthttp.RequestCtx, who *Principal) (*body, error) {
	from := ctx.Request.BodyStream()
	if from == nil {
		return nil, nil //nolint:nilnil // none came
	}
	room, _ := b.small.Get().(*body)
	if room == nil {
		room = &body{text: make([]byte, 0, smallBody)}
	}
	if who != nil {
		room.who = who.account
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
	err := b.fill(room, from)
	c := connOf(ctx)
	switch {
	case c == nil || c.begun && c.failed == nil:
		return err // all was there
	case c.failed != nil:
		return unreadable(c.failed)
	}
	return errors.Join(err, c.begin(c.size))
}

// fill reads to the end.
func (b *bodies) fill(room *body, from io.Reader) error {
	room.text = room.text[:0]
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

// grow makes medium room of small, and doubles what is larger, up to one byte more
// than the largest body.
func (b *bodies) grow(room *body) error {
	size := max(mediumBody, min(2*cap(room.text), MaxBody+1))
	more := int64(size) - room.lent
	if err := b.large.Take(room.who, more); err != nil {
		return crowdedOut(err, "large bodies are being received")
	}
	room.lent += more
	old := room.text
	if size == mediumBody {
		if kept, ok := b.medium.Get().(*body); ok {
			room.text = append(kept.text[:0], old...)
			b.keep(old)
			return nil
		}
	}
	room.text = append(make([]byte, 0, size), old...)
	b.keep(old)
	return nil
}

// keep keeps room that can be used again. That for a large body is not kept.
func (b *bodies) keep(text []byte) {
	switch cap(text) {
	case smallBody:
		b.small.Put(&body{text: text})
	case mediumBody:
		b.medium.Put(&body{text: text})
	}
}

// giveBack ends the use of a body.
func (b *bodies) giveBack(room *body) {
	if room.lent > 0 {
		b.large.Give(room.who, room.lent)
	}
	b.keep(room.text)
}
