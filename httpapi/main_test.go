package httpapi

import (
	"net"
	"testing"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
	"go.uber.org/goleak"
)

// TestMain starts a fasthttp server before any test: the goroutine that keeps its
// clock never ends, and must not begin inside a synctest bubble.
func TestMain(m *testing.M) {
	ln := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{Handler: func(*fasthttp.RequestCtx) {}}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(ln) }()
	client := &fasthttp.Client{Dial: func(string) (net.Conn, error) { return ln.Dial() }}
	_, _, _ = client.Get(nil, "http://x/")
	client.CloseIdleConnections()
	_ = server.Shutdown()
	<-served
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(),
		// It notices within 10 s that its pool has stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}
