package httpapi

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const probeRequest = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

// TestWaitingGivesWay takes all connections with requests that do not go on: a
// new one is served all the same, and the oldest of the others is closed.
func TestWaitingGivesWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const limit = 5
		f := newFixture(t, func(o *Options) { o.Limits.Connections = limit })
		var held []net.Conn
		for _, begin := range []string{"", "GET /", probeRequest, "POST /", f.post("Content-Length: 100000\r\n", "{")} {
			c := f.dial(t)
			send(t, c, begin)
			synctest.Wait()
			held = append(held, c)
		}
		if status, _, _ := readAnswer(t, bufio.NewReader(held[2])); status != 200 { // it is idle now
			t.Fatal(status)
		}
		for i, oldest := range []int{0, 1, 2, 3, 4} {
			fresh := f.dial(t)
			send(t, fresh, probeRequest)
			if status, _, _ := readAnswer(t, bufio.NewReader(fresh)); status != 200 {
				t.Errorf("new connection %d: got %d", i, status)
			}
			synctest.Wait()
			if n, err := held[oldest].Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("connection %d is open still: %d, %v", oldest, n, err)
			}
		}
	})
}

// TestCrowdGivesWay: one address opens connections without end. They take the
// places of its own, not that of another address's, which waits for longest.
func TestCrowdGivesWay(t *testing.T) {
	const limit = 5
	f := newFixture(t, func(o *Options) { o.Limits.Connections = limit })
	address := f.socket(t)
	dial := func(from string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	quiet := dial("127.0.0.2")
	var crowd []net.Conn
	for range 4 * limit {
		crowd = append(crowd, dial("127.0.0.1"))
	}
	for i, c := range crowd[:3*limit] {
		if n, err := c.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("connection %d of the crowd is open still: %v", i, err)
		}
	}
	send(t, quiet, probeRequest)
	if status, _, _ := readAnswer(t, bufio.NewReader(quiet)); status != 200 {
		t.Errorf("got %d", status)
	}
}

// TestBusyStays takes all connections with requests under way: a new one is
// turned away, and they are answered.
func TestBusyStays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const limit = 3
		f := newFixture(t, func(o *Options) { o.Limits.Connections = limit })
		hold := make(chan struct{})
		f.dispatcher.hold = hold
		var busy []net.Conn
		for _, caller := range []string{backend, acmeWriter, admin} { // one alone may not have all
			c := f.dial(t)
			send(t, c, strings.Replace(f.good(), f.tokens[backend], f.tokens[caller], 1))
			busy = append(busy, c)
		}
		synctest.Wait()
		for range 2 * limit {
			answers, err := readAnswers(f.dial(t))
			if err != nil || len(answers) != 1 || answers[0].status != 503 || answers[0].header.Get("Retry-After") == "" ||
				answers[0].header.Get("Content-Type") != contentProblem {
				t.Fatalf("got %+v, %v", answers, err)
			}
		}
		close(hold)
		for _, c := range busy {
			if status, _, _ := readAnswer(t, bufio.NewReader(c)); status != 202 {
				t.Errorf("a request under way: got %d", status)
			}
		}
	})
}

// exhaustedListener fails for want of descriptors before each connection.
type exhaustedListener struct {
	net.Listener
	failed bool
}

func (l *exhaustedListener) Accept() (net.Conn, error) {
	if l.failed = !l.failed; l.failed {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// TestNoDescriptors goes on after accepts that failed for want of descriptors.
func TestNoDescriptors(t *testing.T) {
	f := newFixture(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serveOn(t, &exhaustedListener{Listener: inner})
	for range 5 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		send(t, c, probeRequest)
		if status, _, _ := readAnswer(t, bufio.NewReader(c)); status != 200 {
			t.Errorf("got %d", status)
		}
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

// pipes is a listener whose connections have no buffers at all.
type pipes struct {
	made   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.made:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// dial gives the client's side; what is sent to it waits until it is read.
func (p *pipes) dial(t *testing.T) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	p.made <- server
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestSlowReaders has clients that do not take their answers: the time for
// writing ends them, and before that they give way.
func TestSlowReaders(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const limit = 3
		f := newFixture(t, func(o *Options) { o.Limits.Connections = limit })
		ln := &pipes{made: make(chan net.Conn), closed: make(chan struct{})}
		f.serveOn(t, ln)
		first := ln.dial(t)
		send(t, first, probeRequest)
		time.Sleep(defaultLimits.Write + time.Second)
		if _, err := first.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("an answer that nobody takes is written still: %v", err)
		}
		for range limit {
			send(t, ln.dial(t), probeRequest)
		}
		synctest.Wait()
		for range 2 * limit {
			fresh := ln.dial(t)
			send(t, fresh, probeRequest)
			if status, _, _ := readAnswer(t, bufio.NewReader(fresh)); status != 200 {
				t.Errorf("a new connection: got %d", status)
			}
		}
	})
}
