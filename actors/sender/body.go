package sender

import (
	"bufio"
	"bytes"
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

// readBody reads a response's body and gives its first bytes, up to limit.
// clean tells that it was read to its end.
func (in *inbox) readBody(h *responseHead, limit int, deadline time.Time) (excerpt []byte, clean bool) {
	if h.bodiless() || h.length == 0 && !h.chunked {
		return nil, true
	}
	if h.unclear {
		return nil, false
	}
	if h.chunked || h.length != int64(len(in.unused())) { // not here yet, as far as it can be told
		if in.cn.SetReadDeadline(earlier(deadline, time.Now().Add(bodyBudget))) != nil {
			return nil, false
		}
	}
	switch {
	case h.chunked:
		return in.readChunked(limit)
	case h.length > 0:
		in.body = io.LimitedReader{R: in, N: h.length}
		excerpt = make([]byte, min(h.length, int64(limit)))
		n, _ := io.ReadFull(&in.body, excerpt)
		return excerpt[:n], in.body.N == 0 || drain(&in.body) && in.body.N == 0
	}
	excerpt, _ = readUpTo(in, limit) // up to the connection's end, which cannot be used again then
	return excerpt, false
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

var chunkReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 2<<10) }}

func (in *inbox) readChunked(limit int) (excerpt []byte, clean bool) {
	buffered := chunkReaders.Get().(*bufio.Reader)
	buffered.Reset(in)
	defer func() {
		buffered.Reset(nil)
		chunkReaders.Put(buffered)
	}()
	chunks := httputil.NewChunkedReader(buffered)
	excerpt, ended := readUpTo(chunks, limit)
	if !ended && !drain(chunks) {
		return excerpt, false
	}
	return excerpt, skipTrailer(buffered) && buffered.Buffered() == 0
}

// readUpTo reads up to limit bytes; ended tells that r ended, in good order, within them.
func readUpTo(r io.Reader, limit int) (read []byte, ended bool) {
	read, err := io.ReadAll(io.LimitReader(r, int64(limit)))
	return read, err == nil && len(read) < limit
}

// drain reads r to its end if that is near.
func drain(r io.Reader) bool {
	n, err := io.Copy(io.Discard, io.LimitReader(r, maxDrained))
	return err == nil && n < maxDrained
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
