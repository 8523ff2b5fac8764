package receivertest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Reply answers a request. It may write anything, or nothing, to the connection.
type Reply func(*Conn)

// Answer replies with a status and a short body, and keeps the connection open.
func Answer(status int) Reply { return With(status, "ok") }

// With replies with a status, a body and further header lines, and keeps the
// connection open.
func With(status int, body string, fields ...string) Reply {
	return Raw(response(status, body, fields))
}

// RetryAfter replies with a status and a Retry-After header.
func RetryAfter(status int, value string) Reply {
	return With(status, "later", "Retry-After: "+value)
}

// response returns the text of a response. A 204 has neither body nor length (RFC
// 9110, section 8.6).
func response(status int, body string, fields []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	for _, field := range fields {
		b.WriteString(field + "\r\n")
	}
	if status != http.StatusNoContent {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	} else {
		body = ""
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

// Raw replies with these very bytes, and keeps the connection open.
func Raw(text string) Reply {
	answer := []byte(text)
	return func(c *Conn) { c.send(answer) }
}

// After waits for d before it replies.
func After(d time.Duration, r Reply) Reply {
	return func(c *Conn) {
		if c.Pause(d) {
			r(c)
		}
	}
}

// Then replies, and closes the connection without having announced that.
func Then(r Reply) Reply {
	return func(c *Conn) {
		r(c)
		c.over = true
	}
}

// Closing replies with "Connection: close", and closes the connection.
func Closing(status int) Reply { return Then(With(status, "bye", "Connection: close")) }

// Silence never replies. It reads until either side ends the connection.
func Silence() Reply {
	return func(c *Conn) {
		_, _ = io.Copy(io.Discard, c.in)
		c.over = true
	}
}

// Reset ends the connection without an answer: on TCP with a reset, because no
// data lingers.
func Reset() Reply {
	return func(c *Conn) {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.over = true
	}
}

// Drip sends a text one byte at a time, with a pause before each.
func Drip(interval time.Duration, text string) Reply {
	return func(c *Conn) {
		for i := range len(text) {
			if !c.Pause(interval) || !c.send([]byte{text[i]}) {
				return
			}
		}
	}
}

// EndlessHead sends header lines until the other side ends the connection.
func EndlessHead() Reply {
	return endless("HTTP/1.1 200 OK\r\n", "X-Filler: "+strings.Repeat("a", 100)+"\r\n")
}

// EndlessBody sends a status and then a chunked body until the other side ends
// the connection.
func EndlessBody(status int) Reply {
	head := fmt.Sprintf("HTTP/1.1 %d Whatever\r\nTransfer-Encoding: chunked\r\n\r\n", status)
	return endless(head, "400\r\n"+strings.Repeat("b", 0x400)+"\r\n")
}

// endless sends head once, and then again over and over.
func endless(head, again string) Reply {
	return func(c *Conn) {
		for ok := c.send([]byte(head)); ok; {
			ok = c.send([]byte(again))
		}
	}
}

// Unasked replies, and later sends a second response that nobody asked for. With
// later 0 it sends both in one piece.
func Unasked(status int, later time.Duration) Reply {
	answer := response(status, "ok", nil)
	second := response(http.StatusOK, "unasked", nil)
	if later == 0 {
		return Raw(answer + second)
	}
	return func(c *Conn) {
		if c.send([]byte(answer)) && c.Pause(later) {
			c.send([]byte(second))
		}
	}
}

// send writes b, and reports whether the connection took all of it.
func (c *Conn) send(b []byte) bool {
	_, err := c.Write(b)
	c.over = c.over || err != nil
	return err == nil
}
