// Package benchtest has what the tests of the bench share: a server on a loopback port
// for the length of a test, and the search for goroutines that nobody stopped. Code
// that is not a test does not import it.
package benchtest

import (
	"net"
	"testing"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

// Serve runs a handler on a loopback port until the test ends, and returns its address.
func Serve(t testing.TB, handler fasthttp.RequestHandler) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: handler, CloseOnShutdown: true}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// Main runs a package's tests, cleans up, and fails if a goroutine is left.
func Main(m *testing.M, cleanUp ...func()) {
	goleak.VerifyTestMain(tests{m, cleanUp},
		// fasthttp's clock never stops. Its pool of workers wakes up every 10 s, and only
		// then sees that its server has stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

type tests struct {
	*testing.M
	cleanUp []func()
}

// Run runs the tests, then cleans up before leaks are looked for.
func (t tests) Run() int {
	defer func() {
		for _, f := range t.cleanUp {
			f()
		}
	}()
	return t.M.Run()
}
