package http1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/corpastro/astrohook/actors/sender/detail"
)

// Bounds of what is read of a response, in bytes.
const (
	// MaxHead bounds a head.
	MaxHead = 16 << 10
	// MaxStatusLine bounds its first line.
	MaxStatusLine = 8 << 10
	// MaxInterim bounds the heads of all informational responses before the final one
	// together. Bytes are bounded rather than responses, as net/http does: some
	// servers send a 102 every few seconds while they work.
	MaxInterim = 256 << 10
)

// firstRead is the buffer that waits for a response, in bytes. It is small because
// thousands of receivers may be silent at the same time; usual heads fit in it.
const firstRead = 1 << 10

// Conn is the connection that a response arrives over.
type Conn interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

// ResponseReader reads the response to one request. It belongs to one goroutine.
type ResponseReader struct {
	conn     Conn
	buf      []byte
	from, to int // the unused bytes within buf
	received bool
	firstAt  time.Time
	statusAt time.Time
	body     io.LimitedReader // here so that reading a body allocates no reader
}

var readers = sync.Pool{New: func() any { return &ResponseReader{buf: make([]byte, firstRead)} }}

// NewResponseReader returns a reader for the next response on a connection. The
// caller sets the connection's deadline, and calls Release after its last use of
// the reader.
func NewResponseReader(conn Conn) *ResponseReader {
	r := readers.Get().(*ResponseReader)
	r.conn, r.from, r.to, r.received, r.firstAt, r.statusAt = conn, 0, 0, false, time.Time{}, time.Time{}
	return r
}

// Release lets another request use the reader's memory, unless a long head has made
// it grow.
func (r *ResponseReader) Release() {
	r.conn, r.body = nil, io.LimitedReader{}
	if len(r.buf) <= 4*firstRead {
		readers.Put(r)
	}
}

// Received reports whether any byte arrived: the receiver has seen the connection,
// and probably the request.
func (r *ResponseReader) Received() bool { return r.received }

// FirstAt returns when the first byte had arrived; zero before that.
func (r *ResponseReader) FirstAt() time.Time { return r.firstAt }

// StatusAt returns when the status line of the latest head had arrived; zero before
// that.
func (r *ResponseReader) StatusAt() time.Time { return r.statusAt }

// Empty reports whether all bytes that arrived were used. Bytes that are left after
// a response were not asked for, and spoil the connection.
func (r *ResponseReader) Empty() bool { return r.from == r.to }

func (r *ResponseReader) unused() []byte { return r.buf[r.from:r.to] }

// Read returns bytes that arrived with the head, and then reads from the
// connection. It makes the reader the source of a body.
func (r *ResponseReader) Read(p []byte) (int, error) {
	if r.Empty() {
		return r.conn.Read(p)
	}
	n := copy(p, r.unused())
	r.from += n
	return n, nil
}

// fill waits for more bytes. There must be less than MaxHead unused, which bounds
// the buffer.
func (r *ResponseReader) fill() error {
	if r.from > 0 {
		r.to = copy(r.buf, r.unused())
		r.from = 0
	}
	if r.to == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	n, err := r.conn.Read(r.buf[r.to:])
	r.to += n
	r.received = r.received || n > 0
	if n > 0 || err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrEnded, err)
}

// ReadHead reads the head of the final response, and skips the informational ones
// before it. If those exceed MaxInterim, it returns the last of them. Of a head that
// is too long, or that ends too early, it returns the fields that arrived, and Note
// and Cut say so: the status line decides. It fails without a status line.
func (r *ResponseReader) ReadHead() (Head, error) {
	for interim := 0; ; {
		block, size, err := r.headBlock()
		if block == nil {
			if interim > 0 {
				err = detail.Explain(err, "only informational responses came")
			}
			return Head{}, err
		}
		h, ok := parseHead(block)
		switch {
		case !ok:
			return h, detail.Explain(ErrProtocol, "the response's status line is not valid")
		case !h.informational():
			h.cutBy(err)
			return h, nil
		case errors.Is(err, errLongHead):
			h.block = bytes.Clone(block) // what skipHead reads takes its place
			size, err = r.skipHead(MaxInterim - interim)
		}
		if err != nil {
			return Head{}, err
		}
		if interim += size; interim > MaxInterim {
			h.Note = fmt.Sprintf("informational responses of more than %d KiB", MaxInterim>>10)
			return h, nil
		}
	}
}

// headBlock reads up to the empty line that ends a head. It returns the lines
// before that one and the size of the whole head. The lines are valid until the
// next fill. If the head is too long or ends too early, it returns an error and the
// whole lines that arrived, which are none without a status line.
func (r *ResponseReader) headBlock() (block []byte, size int, err error) {
	r.statusAt = time.Time{}
	searched := 0
	for {
		unused := r.unused()
		if err := r.statusLine(unused); err != nil {
			return nil, 0, err
		}
		if end, next := endOfHead(unused, searched); end > 0 {
			r.from += next
			return unused[:end], next, nil
		}
		if len(unused) >= MaxHead {
			return wholeLines(unused), 0, errLongHead
		}
		searched = max(0, len(unused)-2) // a part of the end may have arrived
		if err := r.fill(); err != nil {
			return wholeLines(r.unused()), 0, err
		}
	}
}

// statusLine looks for the end of the first line in the part of a head that has
// arrived, and notes the time. It fails as soon as that part cannot begin a head.
func (r *ResponseReader) statusLine(arrived []byte) error {
	if !r.statusAt.IsZero() {
		return nil
	}
	now := r.firstAt
	if len(arrived) > 0 {
		now = time.Now()
	}
	if r.firstAt.IsZero() {
		r.firstAt = now
	}
	if !startsLikeHTTP(arrived) {
		return notHTTP(arrived)
	}
	end := bytes.IndexByte(arrived[:min(len(arrived), MaxStatusLine)], '\n')
	switch {
	case end >= 0:
		r.statusAt = now
		return nil
	case len(arrived) < MaxStatusLine:
		return nil
	}
	return detail.Explain(ErrProtocol, fmt.Sprintf("the response's status line is longer than %d KiB", MaxStatusLine>>10))
}

// wholeLines returns the lines of b that have their ends; nil if there are none.
func wholeLines(b []byte) []byte {
	n := bytes.LastIndexByte(b, '\n')
	if n < 0 {
		return nil
	}
	return b[:n+1]
}

// skipHead skips the rest of a head that is too long, and returns how many bytes it
// skipped: more than limit if the head did not end within them.
func (r *ResponseReader) skipHead(limit int) (size int, err error) {
	for {
		end, next := endOfHead(r.unused(), 0)
		if end > 0 {
			r.from += next
			return size + next, nil
		}
		passed := max(0, len(r.unused())-2) // a part of the end may have arrived
		r.from += passed
		if size += passed; size > limit {
			return size, nil
		}
		if err := r.fill(); err != nil {
			return size, err
		}
	}
}

// endOfHead looks for the empty line, from the position searched on. size is where
// the last line before it ends, next where the body begins; both are 0 if the empty
// line has not arrived.
func endOfHead(b []byte, searched int) (size, next int) {
	for i := searched; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0, 0
		}
		i += n + 1
		if rest := b[i:]; len(rest) > 0 && rest[0] == '\n' {
			return i, i + 1
		} else if len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n' {
			return i, i + 2
		}
	}
}
