package receivertest

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Conn is a connection that a Reply writes to. Its goroutine alone uses it.
type Conn struct {
	net.Conn
	number int
	in     *bufio.Reader
	done   <-chan struct{} // closed by the receiver's Close
	over   bool            // no request is read from it any more
}

// accept starts a goroutine for each connection until the listener is closed.
func (r *Receiver) accept() {
	for {
		raw, err := r.listener.Accept()
		if err != nil {
			return
		}
		if c, onConnect := r.admit(raw); c != nil {
			r.serving.Go(func() { r.serve(c, onConnect) })
		}
	}
}

// admit counts a connection and returns it with what OnConnect set. It closes the
// connection and returns nil if the receiver is closed already.
func (r *Receiver) admit(raw net.Conn) (*Conn, func(*Conn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.done:
		_ = raw.Close()
		return nil, nil
	default:
	}
	r.accepted++
	r.conns[raw] = struct{}{}
	r.noticeLocked()
	return &Conn{Conn: raw, number: r.accepted, in: bufio.NewReader(raw), done: r.done}, r.onConnect
}

// serve answers one connection's requests until either side ends it.
func (r *Receiver) serve(c *Conn, onConnect func(*Conn)) {
	defer r.leave(c)
	if onConnect != nil {
		onConnect(c)
	}
	for !c.over {
		q, err := c.readRequest()
		if err != nil {
			return
		}
		r.record(*q)(c)
	}
}

func (r *Receiver) leave(c *Conn) {
	_ = c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c.Conn)
	r.noticeLocked()
}

// record counts and keeps a request, and returns the reply to it. behave runs
// outside of the lock, so that it may call the receiver.
func (r *Receiver) record(q Request) Reply {
	r.mu.Lock()
	r.count++
	q.Number = r.count
	if !r.forget {
		r.requests = append(r.requests, q)
	}
	behave := r.behave
	r.noticeLocked()
	r.mu.Unlock()
	return behave(q)
}

// readRequest reads one request. It understands a body with Content-Length only,
// because the sender frames all of its bodies that way.
func (c *Conn) readRequest() (*Request, error) {
	r := &Request{Conn: c.number}
	line, err := c.readLine()
	if err != nil {
		return nil, err
	}
	r.Line = line
	for {
		line, err = c.readLine()
		if err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		r.Fields = append(r.Fields, line)
	}
	size, err := strconv.Atoi(r.Field("Content-Length"))
	if err != nil {
		return nil, err
	}
	r.Body = make([]byte, size)
	_, err = io.ReadFull(c.in, r.Body)
	return r, err
}

func (c *Conn) readLine() (string, error) {
	line, err := c.in.ReadString('\n')
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), err
}

// Field returns the value of the first header with the name, in any casing; "" if
// there is none.
func (r *Request) Field(name string) string {
	for _, line := range r.Fields {
		key, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Pause waits for d, or until the receiver is closed. It reports whether the
// receiver is still open.
func (c *Conn) Pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.done:
		return false
	}
}
