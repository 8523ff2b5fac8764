package loadgen

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// connection is a keep-alive HTTP/1.1 connection that sends requests as they are
// and reads answers that have a Content-Length. net/http would do more, at the cost of
// processors that the generator shares with the server.
type connection struct {
	address string // host:port
	// conn is nil before the first exchange and after a failed one.
	conn   net.Conn
	reader *bufio.Reader
	// body is used again for each answer that fits.
	body []byte
}

// answerTimeout bounds the wait for one answer. A server that stalls longer has lost the
// run.
const answerTimeout = 30 * time.Second

// answer is a response; its body belongs to the connection until its next use.
type answer struct {
	status int
	// retryAfter is 0 if the header is missing or is a date.
	retryAfter time.Duration
	body       []byte
}

// open connects. The reader holds any head that a server sends.
func (c *connection) open() error {
	conn, err := net.DialTimeout("tcp", c.address, answerTimeout)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.conn, c.reader = conn, bufio.NewReaderSize(conn, 8<<10)
	return nil
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is in flight any more
		c.conn = nil
	}
}

// exchange sends a request and reads its answer. After an error the connection is closed
// (the next exchange opens another), and whether the server got the request is unknown.
func (c *connection) exchange(raw []byte) (answer, error) {
	if c.conn == nil {
		if err := c.open(); err != nil {
			return answer{}, err
		}
	}
	a, err := c.roundTrip(raw)
	if err != nil {
		c.close()
	}
	return a, err
}

// roundTrip writes a request and reads its answer on an open connection.
func (c *connection) roundTrip(raw []byte) (answer, error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return answer{}, fmt.Errorf("set the deadline: %w", err)
	}
	if _, err := c.conn.Write(raw); err != nil {
		return answer{}, fmt.Errorf("send the request: %w", err)
	}
	a, length, err := c.readHead()
	if err != nil {
		return answer{}, fmt.Errorf("read the answer's head: %w", err)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	a.body = c.body[:length]
	if _, err := io.ReadFull(c.reader, a.body); err != nil {
		return answer{}, fmt.Errorf("read the answer's body: %w", err)
	}
	return a, nil
}

// The headers that matter: how far the answer reaches, and when to come again.
var (
	contentLength = []byte("content-length:")
	retryAfter    = []byte("retry-after:")
)

// readHead reads the status line and the two headers that matter.
func (c *connection) readHead() (a answer, length int, err error) {
	line, err := c.readLine()
	if err != nil {
		return a, 0, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return a, 0, fmt.Errorf("status line %q", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, 0, fmt.Errorf("status line %q", line)
	}
	length = -1
	for {
		if line, err = c.readLine(); err != nil {
			return a, 0, err
		}
		if len(line) == 0 {
			break
		}
		if value, ok := header(line, contentLength); ok {
			length = value
		} else if value, ok := header(line, retryAfter); ok {
			a.retryAfter = time.Duration(value) * time.Second
		}
	}
	if length < 0 {
		return a, 0, errors.New("no Content-Length")
	}
	return a, length, nil
}

// readLine returns a line without its end. A line beyond the reader's 8 KiB is an error.
func (c *connection) readLine() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// header returns the number of a header line with this name, which is in lower case
// and ends with a colon.
func header(line, name []byte) (int, bool) {
	if len(line) < len(name) || !bytes.EqualFold(line[:len(name)], name) {
		return 0, false
	}
	value, err := strconv.Atoi(string(bytes.TrimSpace(line[len(name):])))
	return value, err == nil && value >= 0
}
