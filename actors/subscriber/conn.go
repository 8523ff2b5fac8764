package subscriber

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Conn is a connection that a Reply writes to.
type Conn struct {
	net.Conn
	number int
	in     *bufio.Reader
	done   <-chan struct{}
	over   bool
}

// accept takes connections in until the listener is closed.
func (s *Subscriber) accept() {
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			return
		}
		if c, greet := s.admit(raw); c != nil {
			s.serving.Go(func() { s.serve(c, greet) })
		}
	}
}

func (s *Subscriber) admit(raw net.Conn) (*Conn, func(*Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		_ = raw.Close()
		return nil, nil
	default:
	}
	s.accepted++
	s.conns[raw] = struct{}{}
	s.noticeLocked()
	return &Conn{Conn: raw, number: s.accepted, in: bufio.NewReader(raw), done: s.done}, s.greet
}

// serve answers one connection's requests until either side has enough.
func (s *Subscriber) serve(c *Conn, greet func(*Conn)) {
	defer s.leave(c)
	if greet != nil {
		greet(c)
	}
	for !c.over {
		r, err := c.readRequest()
		if err != nil {
			return
		}
		s.record(r)(c)
	}
}

func (s *Subscriber) leave(c *Conn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.Conn)
	s.noticeLocked()
}

// record takes a request in and decides how to answer it.
func (s *Subscriber) record(r *Request) Reply {
	s.mu.Lock()
	s.count++
	r.Number = s.count
	if !s.forget {
		s.requests = append(s.requests, *r)
	}
	behave := s.behave
	s.noticeLocked()
	s.mu.Unlock()
	return behave(*r)
}

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

// Field is the value of a header, found by its name in any casing; "" if there is none.
func (r *Request) Field(name string) string {
	for _, line := range r.Fields {
		key, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Pause waits; it tells whether the subscriber is still there.
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
