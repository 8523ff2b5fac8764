package inboundtest

import (
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
	"go.uber.org/goleak"
)

// Main runs the tests of a package that has fasthttp servers in synctest bubbles, and
// fails if a goroutine is left. It starts a server before any test: the goroutine that
// keeps fasthttp's clock never ends, and must not begin inside a bubble.
func Main(m *testing.M) {
	ln := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{Handler: func(*fasthttp.RequestCtx) {}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	client := &fasthttp.Client{Dial: func(string) (net.Conn, error) { return ln.Dial() }}
	if _, _, err := client.Get(nil, "http://x/"); err != nil {
		panic(err)
	}
	client.CloseIdleConnections()
	if err := server.Shutdown(); err != nil {
		panic(err)
	}
	if err := <-served; err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(),
		// It notices within 10 s that its pool has stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// DialIn opens a connection in memory that ends with the test. A read that waits for an
// hour fails, so that no test waits for ever.
func DialIn(t testing.TB, listener *fasthttputil.InmemoryListener) net.Conn {
	t.Helper()
	c, err := listener.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	return c
}
