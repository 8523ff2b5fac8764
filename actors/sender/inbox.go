package sender

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

const (
	// maxHead bounds a response's head, in bytes.
	maxHead = 16 << 10
	// firstRead is what waits for a response: there may be thousands of receivers that never answer.
	firstRead = 1 << 10
	// maxInformational bounds the 1xx responses before the real one.
	maxInformational = 5
)

// inbox is what was received over a connection and not used yet.
type inbox struct {
	buf      []byte
	from, to int // the unused bytes within buf
	// received: a byte arrived.
	received bool
	cn       *conn
	body     io.LimitedReader
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

// readHead reads the head of the response, and passes over informational ones
// before it. A receiver that sends too many of these has its last one judged.
func (in *inbox) readHead() (responseHead, error) {
	for n := 0; ; n++ {
		block, err := in.headBlock()
		if err != nil {
			return responseHead{}, err
		}
		h, ok := parseHead(block)
		if !ok {
			return h, errProtocol
		}
		if !h.informational() || n == maxInformational {
			return h, nil
		}
	}
}

// headBlock receives up to the empty line that ends a head, and gives all
// before that line. It is valid until the next fill.
func (in *inbox) headBlock() ([]byte, error) {
	searched := 0
	for {
		unused := in.unused()
		if !startsLikeHTTP(unused) {
			return nil, errProtocol
		}
		if size, next := endOfHead(unused, searched); size > 0 {
			in.from += next
			return unused[:size], nil
		}
		if len(unused) >= maxHead {
			return nil, fmt.Errorf("head of more than %d bytes: %w", maxHead, errProtocol)
		}
		searched = max(0, len(unused)-2) // the end may have arrived in part
		if err := in.fill(); err != nil {
			return nil, err
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
