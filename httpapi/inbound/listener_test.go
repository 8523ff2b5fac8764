package inbound

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

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
)

// TestWaitingGivesWay takes all connections with requests that stall: a new one is
// served all the same, and the one that has waited longest is closed.
func TestWaitingGivesWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const limit = 5
		f := newFixture(t, func(o *Options) { o.Connections = limit })
		var held []net.Conn
		for _, begin := range []string{"", "GET /", probeRequest, "POST /", post("Content-Length: 100000\r\n", "{")} {
			c := f.dial(t)
			inboundtest.Send(t, c, begin)
			synctest.Wait()
			held = append(held, c)
		}
		if status := readOne(t, held[2]).Status; status != 200 { // it is idle now
			t.Fatal(status)
		}
		for i, oldest := range []int{0, 1, 2, 3, 4} {
			fresh := f.dial(t)
			inboundtest.Send(t, fresh, probeRequest)
			if status := readOne(t, fresh).Status; status != 200 {
				t.Errorf("new connection %d: got %d", i, status)
			}
			synctest.Wait()
			if n, err := held[oldest].Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("connection %d is still open: %d, %v", oldest, n, err)
			}
		}
		f.wantClosed(t, limit, 0)
	})
}

// TestCrowdGivesWay has one address open connections without end. They displace its own
// connections, not that of another address, which has waited longest of all.
func TestCrowdGivesWay(t *testing.T) {
	const limit = 5
	f := newFixture(t, func(o *Options) { o.Connections = limit })
	address := f.socket(t)
	dial := func(from string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(inboundtest.Patience)); err != nil {
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
			t.Fatalf("connection %d of the crowd is still open: %v", i, err)
		}
	}
	inboundtest.Send(t, quiet, probeRequest)
	if status := readOne(t, quiet).Status; status != 200 {
		t.Errorf("got %d", status)
	}
}

// TestBusyStays has a handler work on a request of every connection: a new connection
// is turned away, and the requests are answered.
func TestBusyStays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const limit = 3
		f := newFixture(t, func(o *Options) { o.Connections = limit })
		hold := make(chan struct{})
		f.hold.Store(&hold)
		var busy []net.Conn
		for range limit {
			c := f.dial(t)
			inboundtest.Send(t, c, good())
			busy = append(busy, c)
		}
		synctest.Wait()
		for range 2 * limit {
			answers, err := inboundtest.ReadAnswers(f.dial(t))
			if err != nil || len(answers) != 1 || answers[0].Status != 503 || answers[0].Header.Get("Retry-After") == "" ||
				answers[0].Header.Get("Content-Type") != refusedAs {
				t.Fatalf("got %+v, %v", answers, err)
			}
		}
		f.wantClosed(t, 0, 2*limit)
		close(hold)
		for _, c := range busy {
			if status := readOne(t, c).Status; status != 202 {
				t.Errorf("a request under way: got %d", status)
			}
		}
	})
}

// exhaustedListener fails before each connection, as if there were no descriptors.
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

// TestNoDescriptors has every second accept fail for lack of descriptors: the server
// continues to serve.
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
		inboundtest.Send(t, c, probeRequest)
		if status := readOne(t, c).Status; status != 200 {
			t.Errorf("got %d", status)
		}
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

// pipes is a listener whose connections have no buffers at all, so that a peer that does
// not read stops a server that writes.
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

// readOne reads one answer of a connection on which no more is read.
func readOne(t *testing.T, c net.Conn) inboundtest.Answer {
	t.Helper()
	return inboundtest.ReadAnswer(t, bufio.NewReader(c))
}

// dial returns the client's side. What is sent to it waits until the server reads it.
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
		f := newFixture(t, func(o *Options) { o.Connections = limit })
		ln := &pipes{made: make(chan net.Conn), closed: make(chan struct{})}
		f.serveOn(t, ln)
		first := ln.dial(t)
		inboundtest.Send(t, first, probeRequest)
		time.Sleep(testWrite + time.Second)
		if _, err := first.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("an answer that nobody takes is written still: %v", err)
		}
		for range limit {
			inboundtest.Send(t, ln.dial(t), probeRequest)
		}
		synctest.Wait()
		for range 2 * limit {
			fresh := ln.dial(t)
			inboundtest.Send(t, fresh, probeRequest)
			if status := readOne(t, fresh).Status; status != 200 {
				t.Errorf("a new connection: got %d", status)
			}
		}
	})
}
