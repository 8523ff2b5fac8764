package sender

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"sync"
	"time"
)

const (
	// bodyBudget is how long the rest of a body is waited for, within the attempt's time.
	bodyBudget = time.Second
	// maxDrained bounds what is read past the excerpt only to keep the connection.
	maxDrained = 64 << 10
	// maxTrailer bounds the lines after a chunked body, in bytes.
	maxTrailer = 2 << 10
)

// bodyPart is what was read of a response's body.
type bodyPart struct {
	excerpt []byte
	// more: the body is longer than excerpt, or its end did not come.
	more bool
	// clean: the body was read to its end, so that the connection can be used again.
	clean bool
}

// readBody reads a response's body, and keeps its first bytes, up to limit.
func (in *inbox) readBody(h *responseHead, limit int, deadline time.Time) bodyPart {
	if h.unclear {
		return bodyPart{}
	}
	if h.bodiless() || h.length == 0 && !h.chunked {
		return bodyPart{clean: true}
	}
	if h.chunked || h.length != int64(len(in.unused())) { // not here yet, as far as it can be told
		if in.cn.SetReadDeadline(earlier(deadline, time.Now().Add(bodyBudget))) != nil {
			return bodyPart{more: true}
		}
	}
	switch {
	case h.chunked:
		return in.readChunked(limit)
	case h.length > 0:
		in.body = io.LimitedReader{R: in, N: h.length}
		excerpt := make([]byte, min(h.length, int64(limit)))
		n, _ := io.ReadFull(&in.body, excerpt)
		part := bodyPart{excerpt: excerpt[:n], more: in.body.N > 0, clean: in.body.N == 0}
		if part.more {
			drain(&in.body)
			part.clean = in.body.N == 0
		}
		return part
	}
	// Up to the connection's end, which cannot be used again then.
	excerpt, ended := readUpTo(in, limit)
	if !ended && len(excerpt) == limit {
		_, err := io.ReadFull(in, make([]byte, 1))
		ended = errors.Is(err, io.EOF)
	}
	return bodyPart{excerpt: excerpt, more: !ended}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

var chunkReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 2<<10) }}

func (in *inbox) readChunked(limit int) bodyPart {
	buffered := chunkReaders.Get().(*bufio.Reader)
	buffered.Reset(in)
	defer func() {
		buffered.Reset(nil)
		chunkReaders.Put(buffered)
	}()
	chunks := httputil.NewChunkedReader(buffered)
	excerpt, ended := readUpTo(chunks, limit)
	part := bodyPart{excerpt: excerpt}
	if !ended {
		n, toEnd := drain(chunks)
		if part.more = n > 0 || !toEnd; !toEnd {
			return part
		}
	}
	part.clean = skipTrailer(buffered) && buffered.Buffered() == 0
	return part
}

// readUpTo reads up to limit bytes; ended tells that r ended, in good order, within them.
func readUpTo(r io.Reader, limit int) (read []byte, ended bool) {
	read, err := io.ReadAll(io.LimitReader(r, int64(limit)))
	return read, err == nil && len(read) < limit
}

// drain reads r to its end if that is near, and reports whether it was.
func drain(r io.Reader) (read int64, toEnd bool) {
	read, err := io.Copy(io.Discard, io.LimitReader(r, maxDrained))
	return read, err == nil && read < maxDrained
}

// skipTrailer reads the lines after the last chunk, up to the empty one.
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
