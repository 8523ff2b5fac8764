package httpapi

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/feed"
)

// stuck opens a stream over a real socket with a small buffer, reads the hello, and nothing more.
func (f *fixture) stuck(t *testing.T, caller string) {
	t.Helper()
	conn, err := net.Dial("tcp", f.socket(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /api/stream HTTP/1.1\r\nHost: astrohook\r\nAuthorization: Bearer %s\r\n\r\n", f.tokens[caller])
	for lines := bufio.NewReaderSize(conn, 16); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "event: hello") {
			return
		}
	}
}

// heap returns how much memory is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestStuckStream: a client whose socket takes nothing more is cut off after the time of a
// write, however much happens. Until then it costs no more memory than the items that wait for
// it, and whoever reads beside it is shown what happens as before.
func TestStuckStream(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		f, items := newStreaming(t, func(o *Options) { o.Limits.Write = time.Hour })
		for range 5 {
			f.stuck(t, acme)
		}
		flood(items)
		before := heap()
		for range 10 {
			flood(items)
		}
		if grown := heap() - before; grown > 4<<20 {
			t.Errorf("%d bytes more after ten times as many items", grown)
		}
		reader := f.watch(t, globex, "", "")
		reader.want("hello", "")
		attempts(items, "globex", 7)
		reader.want("attempt", `"number":7`)
	})
	t.Run("cut off", func(t *testing.T) {
		f, items := newStreaming(t, func(o *Options) { o.Limits.Write = 200 * time.Millisecond })
		f.stuck(t, acme)
		for end := time.Now().Add(time.Minute); items.Listening(); { // until its reader has left
			if time.Now().After(end) {
				t.Fatal("a client that takes nothing keeps its stream for a minute")
			}
			attempts(items, "acme", make([]int, 1000)...)
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// flood publishes far more than any socket and any reader holds.
func flood(items *feed.Feed) { attempts(items, "acme", make([]int, 50_000)...) }
