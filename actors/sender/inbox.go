package sender

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

const (
	// maxHead bounds what is read of a response's head, in bytes.
	maxHead = 16 << 10
	// maxStatusLine bounds its first line.
	maxStatusLine = 8 << 10
	// maxInterim bounds the heads of all informational responses before the real
	// one together, in bytes. Their number says nothing: net/http bounds bytes, too.
	maxInterim = 256 << 10
	// firstRead is what waits for a response: there may be thousands of receivers that never answer.
	firstRead = 1 << 10
)

// inbox is what was received over a connection and not used yet.
type inbox struct {
	buf      []byte
	from, to int // the unused bytes within buf
	// received: a byte arrived.
	received bool
	// lineAt is when the status line of the latest head arrived.
	lineAt time.Time
	cn     *conn
	body   io.LimitedReader
}

var inboxes = sync.Pool{New: func() any { return &inbox{buf: make([]byte, firstRead)} }}

func newInbox(cn *conn) *inbox {
	in := inboxes.Get().(*inbox)
	in.cn, in.from, in.to, in.received = cn, 0, 0, false
	return in
}

func (in *inbox) free() {
	in.cn, in.body = nil, io.LimitedReader{}
	if len(in.buf) <= 4*firstRead {
		inboxes.Put(in)
	}
}

func (in *inbox) empty() bool { return in.from == in.to }

func (in *inbox) unused() []byte { return in.buf[in.from:in.to] }

// Read gives what was received already, or else reads from the connection.
func (in *inbox) Read(p []byte) (int, error) {
	if in.empty() {
		return in.cn.Read(p)
	}
	n := copy(p, in.unused())
	in.from += n
	return n, nil
}

// fill receives more; there must be less than maxHead unused.
func (in *inbox) fill() error {
	if in.from > 0 {
		in.to = copy(in.buf, in.unused())
		in.from = 0
	}
	if in.to == len(in.buf) {
		in.buf = append(in.buf, make([]byte, len(in.buf))...)
	}
	n, err := in.cn.Read(in.buf[in.to:])
	in.to += n
	in.received = in.received || n > 0
	if n > 0 || err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errEnded, err)
}

// readHead reads the head of the response, and passes over the informational ones
// before it. If these are too long in all, the last of them is judged. Of a head
// that is too long, or that ends too early, what came before is returned, and
// note says so: the status line decides.
func (in *inbox) readHead() (responseHead, error) {
	for interim := 0; ; {
		block, size, err := in.headBlock()
		if block == nil {
			if interim > 0 {
				err = explain(err, "only informational responses came")
			}
			return responseHead{}, err
		}
		h, ok := parseHead(block)
		switch {
		case !ok:
			return h, explain(errProtocol, "the response's status line is not valid")
		case !h.informational():
			h.cutBy(err)
			return h, nil
		case errors.Is(err, errLongHead):
			size, err = in.skipHead(maxInterim - interim)
		}
		if err != nil {
			return responseHead{}, err
		}
		if interim += size; interim > maxInterim {
			h.note = fmt.Sprintf("informational responses of more than %d KiB", maxInterim>>10)
			return h, nil
		}
	}
}

// headBlock receives up to the empty line that ends a head, and returns all lines
// before that one, and how many bytes the head has. The lines are valid until the
// next fill. If the head is too long or ends too early, the error says so, and the
// lines are those that came: none without a status line.
func (in *inbox) headBlock() (block []byte, size int, err error) {
	in.lineAt = time.Time{}
	searched := 0
	for {
		unused := in.unused()
		if err := in.statusLine(unused); err != nil {
			return nil, 0, err
		}
		if end, next := endOfHead(unused, searched); end > 0 {
			in.from += next
			return unused[:end], next, nil
		}
		if len(unused) >= maxHead {
			return wholeLines(unused), 0, errLongHead
		}
		searched = max(0, len(unused)-2) // the end may have arrived in part
		if err := in.fill(); err != nil {
			return wholeLines(in.unused()), 0, err
		}
	}
}

// statusLine looks for the first line in what has arrived of a head, and fails if
// that can be none.
func (in *inbox) statusLine(arrived []byte) error {
	if !in.lineAt.IsZero() {
		return nil
	}
	if !startsLikeHTTP(arrived) {
		return in.notHTTP(arrived)
	}
	end := bytes.IndexByte(arrived[:min(len(arrived), maxStatusLine)], '\n')
	switch {
	case end >= 0:
		in.lineAt = time.Now()
		return nil
	case len(arrived) < maxStatusLine:
		return nil
	}
	return explain(errProtocol, fmt.Sprintf("the response's status line is longer than %d KiB", maxStatusLine>>10))
}

// wholeLines returns the lines that have arrived with their ends; nil if there are none.
func wholeLines(b []byte) []byte {
	n := bytes.LastIndexByte(b, '\n')
	if n < 0 {
		return nil
	}
	return b[:n+1]
}

// skipHead passes over the rest of a head that is too long, and returns how many
// bytes it has in all: more than limit if it did not end within them.
func (in *inbox) skipHead(limit int) (size int, err error) {
	for {
		end, next := endOfHead(in.unused(), 0)
		if end > 0 {
			in.from += next
			return size + next, nil
		}
		passed := max(0, len(in.unused())-2) // the end may have arrived in part
		in.from += passed
		if size += passed; size > limit {
			return size, nil
		}
		if err := in.fill(); err != nil {
			return size, err
		}
	}
}

// endOfHead looks for the empty line from searched on: size is where the last
// line before it ends, next where the body begins; 0 if it is not there.
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

// startsLikeHTTP tells whether what arrived so far can be the start of an
// HTTP/1 response: what cannot need not be waited for.
func startsLikeHTTP(b []byte) bool {
	const start = "HTTP/1."
	n := min(len(b), len(start))
	return string(b[:n]) == start[:n]
}

// notHTTP is the error of a response that begins with b, with a word on what it may be.
func (in *inbox) notHTTP(b []byte) error {
	switch {
	case b[0] >= 0x14 && b[0] <= 0x17 && (len(b) == 1 || b[1] == 3): // a record of TLS (RFC 8446, section 5.1)
		return explain(errProtocol, "the receiver speaks TLS on this port: the target's URL must begin with https")
	case len(b) >= 9 && b[0] == 0 && b[3] == 4 && b[4]&^1 == 0: // a SETTINGS frame (RFC 9113, section 3.4)
		if in.cn.secure {
			return &tlsFailure{webhook.ReasonTLSProtocol, explain(errProtocol, "the receiver speaks HTTP/2 only")}
		}
		return explain(errProtocol, "the receiver speaks HTTP/2 without being asked to, not HTTP/1.1")
	}
	return explain(errProtocol, "the response does not begin with HTTP/1")
}
