package receiver

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/benchtest"
	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/server"
)

// listen serves a receiver, and returns it with its controls.
func listen(t *testing.T) (*Receiver, Control) {
	t.Helper()
	r := New("127.0.0.1")
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, Control{server.API{Base: "http://" + benchtest.Serve(t, r.Handle)}}
}

// post sends a delivery of the event seq of run 3, and returns the error.
func post(t *testing.T, address, path string, seq uint64) error {
	t.Helper()
	// The data with its quotes is JSON already: RawMessage keeps its bytes.
	return server.API{Base: "http://" + address}.Call(t.Context(), "POST", path, rawJSON(delivery(event.Stamp{Run: 3, Seq: seq})), nil)
}

// rawJSON is sent as it is.
type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// A refusing listener refuses connections until it is told to accept, then serves deliveries.
func TestRefusingListener(t *testing.T) {
	_, control := listen(t)
	if err := control.Expect(t.Context(), Expectation{Run: 3, FanOut: true}); err != nil {
		t.Fatal(err)
	}
	address, err := control.Refuse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("before it accepts: %v", err)
	}
	if err := control.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(3) {
		if err := post(t, address, DeliverPath+"0", seq); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := control.Counts(t.Context()); err != nil || c.Distinct != 3 {
		t.Errorf("received %+v, %v", c, err)
	}
	if control.Accept(t.Context()) == nil {
		t.Error("a listener that accepts was told to accept")
	}
}

// A receiver has one refusing listener at a time: the next one takes its place, and
// without one there is nothing to accept on.
func TestRefusingListenersReplaceOneAnother(t *testing.T) {
	r, control := listen(t)
	if control.Accept(t.Context()) == nil {
		t.Error("accepted without a listener")
	}
	first, err := control.Refuse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, err := control.Refuse(t.Context())
	if err != nil || first == second {
		t.Fatalf("%s after %s, %v", second, first, err)
	}
	for _, address := range []string{first, second} {
		if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v, want refused", address, err)
		}
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestRefusingListenerNeedsAnIPAddress(t *testing.T) {
	for _, host := range []string{"", "localhost", "192.0.2.1"} { // no name, and no address of this machine
		if l, err := newRefusingListener(host); err == nil {
			t.Errorf("%q: listens on %s, %v", host, l.address, l.close())
		}
	}
	l, err := newRefusingListener("::1")
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Skip("no IPv6 here")
	}
	if err != nil {
		t.Fatal(err)
	}
	if host, port, err := net.SplitHostPort(l.address); host != "::1" || port == "0" || err != nil {
		t.Errorf("address %q, %v", l.address, err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

// A black hole takes requests, and never answers.
func TestBlackHole(t *testing.T) {
	conn, err := net.Dial("tcp", benchtest.Serve(t, New("127.0.0.1").Handle))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("POST " + BlackHolePath + "0 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes of an answer, %v", n, err)
	}
}
