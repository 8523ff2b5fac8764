package httpapi

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
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

// TestBusyStays takes all connections with requests under way: a new one is
// turned away, and they are answered.
func TestBusyStays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const limit = 3
		f := newFixture(t, func(o *Options) { o.Limits.Connections = limit })
		hold := make(chan struct{})
		f.dispatcher.hold = hold
		var busy []net.Conn
		for range limit {
			c := f.dial(t)
			send(t, c, f.good())
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
