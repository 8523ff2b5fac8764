package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"sync"
	"time"
)

// BodyBudget is how long the rest of a body is waited for, within the time of the
// attempt. The verdict is known by then, and a body is a courtesy to people.
const BodyBudget = time.Second

const (
	// maxDrained bounds the bytes that are read past the excerpt only to keep the
	// connection. Beyond it a new connection costs less than the rest of the body.
	maxDrained = 64 << 10
	// maxTrailer bounds the lines after a chunked body, in bytes.
	maxTrailer = 2 << 10
)

// Body is the part of a response's body that was read.
type Body struct {
	// Excerpt is the beginning of the body.
	Excerpt []byte
	// More is true if the body is longer than Excerpt, or if its end did not come.
	More bool
	// Clean is true if the body was read to its end, so that the connection can carry
	// another request.
	Clean bool
}

// ReadBody reads the body of the response with head h and keeps its first bytes, up
// to limit. It ends at the deadline, or BodyBudget from now if that is earlier. It
// never fails: a body that is cut off, or that has no clear end, is not Clean.
func (r *ResponseReader) ReadBody(h *Head, limit int, deadline time.Time) Body {
	if h.unclear {
		return Body{}
	}
	if h.bodiless() || h.length == 0 && !h.chunked {
		return Body{Clean: true}
	}
	// Setting a deadline costs as much as the rest of a short body. It is left out if
	// the whole body has arrived.
	if h.chunked || h.length != int64(len(r.unused())) {
		if r.conn.SetReadDeadline(earlier(deadline, time.Now().Add(BodyBudget))) != nil {
			return Body{More: true}
		}
	}
	switch {
	case h.chunked:
		return r.readChunked(limit)
	case h.length > 0:
		return r.readSized(h.length, limit)
	}
	return r.readToEnd(limit)
}

// readSized reads a body of a length that the head gave.
func (r *ResponseReader) readSized(length int64, limit int) Body {
	r.body = io.LimitedReader{R: r, N: length}
	excerpt := make([]byte, min(length, int64(limit)))
	n, _ := io.ReadFull(&r.body, excerpt)
	part := Body{Excerpt: excerpt[:n], More: r.body.N > 0, Clean: r.body.N == 0}
	if part.More {
		drain(&r.body)
		part.Clean = r.body.N == 0
	}
	return part
}

// readToEnd reads a body that ends with the connection. It is never Clean.
func (r *ResponseReader) readToEnd(limit int) Body {
	excerpt, ended := readUpTo(r, limit)
	if !ended && len(excerpt) == limit {
		_, err := io.ReadFull(r, make([]byte, 1))
		ended = errors.Is(err, io.EOF)
	}
	return Body{Excerpt: excerpt, More: !ended}
}

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// chunkReaders are small, because they serve for the lines between chunks only: reads
// of content larger than the buffer bypass it.
var chunkReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 2<<10) }}

// readChunked reads a body of chunks. It is Clean only after a last chunk and a
// trailer that are valid, with nothing behind them.
func (r *ResponseReader) readChunked(limit int) Body {
	buffered := chunkReaders.Get().(*bufio.Reader)
	buffered.Reset(r)
	defer func() {
		buffered.Reset(nil)
		chunkReaders.Put(buffered)
	}()
	chunks := httputil.NewChunkedReader(buffered)
	excerpt, ended := readUpTo(chunks, limit)
	part := Body{Excerpt: excerpt}
	if !ended {
		n, toEnd := drain(chunks)
		if part.More = n > 0 || !toEnd; !toEnd {
			return part
		}
	}
	part.Clean = skipTrailer(buffered) && buffered.Buffered() == 0
	return part
}

// readUpTo reads up to limit bytes. ended reports whether the reader ended within
// them, and without an error.
func readUpTo(r io.Reader, limit int) (read []byte, ended bool) {
	read, err := io.ReadAll(io.LimitReader(r, int64(limit)))
	return read, err == nil && len(read) < limit
}

// drain reads and discards up to maxDrained bytes. It returns their number, and
// whether the reader ended within them.
func drain(r io.Reader) (read int64, toEnd bool) {
	read, err := io.Copy(io.Discard, io.LimitReader(r, maxDrained))
	return read, err == nil && read < maxDrained
}

// skipTrailer reads the lines after the last chunk, and reports whether the empty
// line that ends them came within maxTrailer bytes. No field of a trailer matters.
func skipTrailer(r *bufio.Reader) bool {
	for size := 0; size < maxTrailer; {
		line, err := r.ReadSlice('\n')
		if err != nil || !bytes.HasSuffix(line, []byte("\r\n")) {
			return false
		}
		if len(line) == 2 {
			return true
		}
		size += len(line)
	}
	return false
}
