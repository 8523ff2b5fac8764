package inbound

import (
	"time"

	"github.com/valyala/fasthttp"
)

// Stream makes the connection of a request one whose answer has no end: it is displaced
// only while it waits for its peer to take a piece of the answer, not between two pieces.
// gone is called when the peer has closed the connection, or has sent too much. The
// handler's body must call Stream when its first piece is read, and the function that
// Stream returns when it ends; that one waits until gone is not called any more.
//
// The connection cannot be used for another request.
func Stream(ctx *fasthttp.RequestCtx, gone func()) (leave func()) {
	raw := ctx.Conn()
	if c := connOf(ctx); c != nil {
		c.streams = true
		raw = c.Conn
	}
	_ = raw.SetReadDeadline(time.Time{}) // that of the request; an error is found by Read
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Nothing is expected. A client that sends all the same may send a little.
		for taken, buffer := 0, make([]byte, 512); taken < MaxHead; {
			n, err := raw.Read(buffer)
			if err != nil {
				break
			}
			taken += n
		}
		gone()
	}()
	return func() {
		_ = raw.SetReadDeadline(time.Now()) // if it fails the connection is closed, and Read has ended
		<-ended
	}
}

// writeStreamed writes a piece of an answer without an end. Only meanwhile the connection
// can be displaced.
func (c *conn) writeStreamed(p []byte) (int, error) {
	if err := c.setBusy(false); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		return n, err
	}
	return n, c.setBusy(true)
}
