package subscriber

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Reply answers a request, in whatever way.
type Reply func(*Conn)

// Answer answers with a status and a short body, and keeps the connection.
func Answer(status int) Reply { return With(status, "ok") }

// With answers with a status, a body and further header lines, and keeps the connection.
func With(status int, body string, fields ...string) Reply {
	return Raw(response(status, body, fields))
}

// RetryAfter answers with a status and a Retry-After header.
func RetryAfter(status int, value string) Reply {
	return With(status, "later", "Retry-After: "+value)
}

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

// Raw answers with these very bytes, and keeps the connection.
func Raw(text string) Reply {
	answer := []byte(text)
	return func(c *Conn) { c.send(answer) }
}

// After waits before it answers.
func After(d time.Duration, r Reply) Reply {
	return func(c *Conn) {
		if c.Pause(d) {
			r(c)
		}
	}
}

// Then answers, and closes the connection without having announced it.
func Then(r Reply) Reply {
	return func(c *Conn) {
		r(c)
		c.over = true
	}
}

// Closing answers with "Connection: close", and closes the connection.
func Closing(status int) Reply { return Then(With(status, "bye", "Connection: close")) }

// Silence never answers.
func Silence() Reply {
	return func(c *Conn) {
		_, _ = io.Copy(io.Discard, c.in) // until the other side, or Close, ends it
		c.over = true
	}
}

// Reset breaks the connection off without an answer: on TCP with a reset.
func Reset() Reply {
	return func(c *Conn) {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.over = true
	}
}

// Drip sends the answer of a text a byte at a time.
func Drip(interval time.Duration, text string) Reply {
	return func(c *Conn) {
		for i := range len(text) {
			if !c.Pause(interval) || !c.send([]byte{text[i]}) {
				return
			}
		}
	}
}

// EndlessHead sends headers until the other side has enough.
func EndlessHead() Reply {
	return endless("HTTP/1.1 200 OK\r\n", "X-Filler: "+strings.Repeat("a", 100)+"\r\n")
}

// EndlessBody answers with a status, and sends a body until the other side has enough.
func EndlessBody(status int) Reply {
	head := fmt.Sprintf("HTTP/1.1 %d Whatever\r\nTransfer-Encoding: chunked\r\n\r\n", status)
	return endless(head, "400\r\n"+strings.Repeat("b", 0x400)+"\r\n")
}

func endless(head, again string) Reply {
	return func(c *Conn) {
		for ok := c.send([]byte(head)); ok; {
			ok = c.send([]byte(again))
		}
	}
}

// Unasked answers, and sends a second answer that nobody asked for. later is how
// long after the first one; 0 sends both in one piece.
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

// send tells whether the connection is still there.
func (c *Conn) send(b []byte) bool {
	_, err := c.Write(b)
	c.over = c.over || err != nil
	return err == nil
}
