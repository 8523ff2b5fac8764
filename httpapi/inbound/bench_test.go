package inbound

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkServe posts events of 512 bytes on one connection, and reads the answers:
// to a server of this package, and to one of net/http that bounds the body too. The
// two stand in one run because docs/decisions/0002-fasthttp.md names their ratio.
func BenchmarkServe(b *testing.B) {
	body := strings.Repeat("x", 512)
	request := []byte(post(fmt.Sprintf("Content-Length: %d\r\n", len(body)), body))
	for name, serve := range map[string]func(testing.TB) string{"inbound": serveInbound, "net-http": serveNetHTTP} {
		b.Run(name, func(b *testing.B) {
			c, err := net.Dial("tcp", serve(b))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			answers := bufio.NewReader(c)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(request); err != nil {
					b.Fatal(err)
				}
				if err := skipAnswer(answers); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// skipAnswer reads an answer without a body. It allocates nothing, so that the
// benchmark counts the server's allocations only.
func skipAnswer(from *bufio.Reader) error {
	for first := true; ; first = false {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !strings.Contains(string(line), " 202 ") {
			return fmt.Errorf("answered %q", line)
		}
		if len(line) == 2 {
			return nil
		}
	}
}

func serveInbound(t testing.TB) string {
	f := newFixture(t)
	f.forgets = true
	return f.socket(t)
}

func serveNetHTTP(t testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadTimeout: testRead, WriteTimeout: testWrite, IdleTimeout: testIdle, MaxHeaderBytes: MaxHead}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || r.URL.Path != "/api/events" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if _, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody)); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return ln.Addr().String()
}
