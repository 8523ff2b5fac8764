package app

import (
	"log/slog"
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
	<-served
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(),
		// It notices within 10 s that its pool has stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

const testSecret = "0123456789abcdef0123456789abcdef"

// testSecretKey encrypts the secrets of all servers here.
const testSecretKey = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// testConfig are the settings of a server in a folder of the test's own, on free ports.
func testConfig(t *testing.T) Config {
	t.Helper()
	c := Defaults()
	c.DataDir = t.TempDir()
	c.Listen, c.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	c.JWTSecret, c.SecretKeys = testSecret, []string{testSecretKey}
	c.Log = slog.New(slog.DiscardHandler)
	return c
}
