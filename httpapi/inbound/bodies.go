package inbound

import (
	"errors"
	"io"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

const (
	// smallBody is the size of the first buffer of a body, in bytes. It is charged to
	// nobody: the number of connections bounds these buffers.
	smallBody = 4 << 10
	// mediumBody is the size of the second buffer. Buffers up to this size are reused.
	mediumBody = 64 << 10
	// maxBodies bounds the memory of all bodies beyond smallBody that are being read or
	// handled, in bytes. Callers share it.
	maxBodies = 128 << 20
)

// Bodies lends the memory that request bodies are read into. It is safe for
// concurrent use.
type Bodies struct {
	small, medium sync.Pool
	// large says how much of maxBodies is lent, and to whom.
	large *webhook.Shares
}

// NewBodies returns a Bodies that has lent nothing.
func NewBodies() *Bodies { return &Bodies{large: webhook.NewShares(maxBodies)} }

// Used returns how many bytes are lent beyond the first 4 KiB of each body.
func (b *Bodies) Used() int64 { return b.large.Used() }

// Body is the memory of one body.
type Body struct {
	text []byte
	// lent is the part of maxBodies that is charged to the account, in bytes.
	lent    int64
	account string
}

// Read reads the body of a request, which fasthttp streams, and sets it as the
// request's body. The memory grows with what arrives, not with what is announced, and
// is charged to the account. The caller must release the body when the handler has
// ended; it is nil if the request has none. Errors are a *Refusal.
func (b *Bodies) Read(ctx *fasthttp.RequestCtx, account string) (*Body, error) {
	from := ctx.Request.BodyStream()
	if from == nil {
		return nil, nil //nolint:nilnil // the request has no body
	}
	into, _ := b.small.Get().(*Body)
	if into == nil {
		into = &Body{text: make([]byte, 0, smallBody)}
	}
	into.account = account
	if err := b.receive(into, ctx, from); err != nil {
		b.Release(into)
		return nil, err
	}
	ctx.Request.SetBodyRaw(into.text)
	return into, nil
}

// receive reads a body. If that had to wait for the peer, the connection could be
// displaced meanwhile; afterwards it is busy again.
func (b *Bodies) receive(into *Body, ctx *fasthttp.RequestCtx, from io.Reader) error {
	err := b.fill(into, from)
	c := connOf(ctx)
	switch {
	case c == nil || c.begun && c.failed == nil:
		return err // all of the body had arrived with the head
	case c.failed != nil:
		return unreadable(c.failed)
	}
	return errors.Join(err, c.begin(c.size))
}

// fill reads until the end of the body.
func (b *Bodies) fill(into *Body, from io.Reader) error {
	into.text = into.text[:0]
	for {
		if len(into.text) == cap(into.text) {
			if err := b.grow(into); err != nil {
				return err
			}
		}
		n, err := from.Read(into.text[len(into.text):cap(into.text)])
		into.text = into.text[:len(into.text)+n]
		switch {
		case len(into.text) > MaxBody:
			return bodyTooLarge()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return unreadable(err)
		}
	}
}

// grow replaces a small buffer by a medium one, and doubles a larger one, up to one
// byte more than the largest body: that byte shows that a body is too large.
func (b *Bodies) grow(into *Body) error {
	size := max(mediumBody, min(2*cap(into.text), MaxBody+1))
	more := int64(size) - into.lent
	if err := b.large.Take(into.account, more); err != nil {
		return &Refusal{Kind: ErrNoMemory, Detail: ErrNoMemory.Error(), Cause: err}
	}
	into.lent += more
	old := into.text
	if size == mediumBody {
		if kept, ok := b.medium.Get().(*Body); ok {
			into.text = append(kept.text[:0], old...)
			b.keep(old)
			return nil
		}
	}
	into.text = append(make([]byte, 0, size), old...)
	b.keep(old)
	return nil
}

// keep puts a buffer into its pool. Larger buffers are left to the garbage collector:
// few bodies need them, and kept ones would count as used memory for ever.
func (b *Bodies) keep(text []byte) {
	switch cap(text) {
	case smallBody:
		b.small.Put(&Body{text: text})
	case mediumBody:
		b.medium.Put(&Body{text: text})
	}
}

// Release ends the use of a body's memory. Nothing may refer to the body afterwards.
func (b *Bodies) Release(body *Body) {
	if body.lent > 0 {
		b.large.Give(body.account, body.lent)
	}
	b.keep(body.text)
}
