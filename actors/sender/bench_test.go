package sender

import (
	"net"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

var benchData = []byte(`{"pad":"` + strings.Repeat("d", 500) + `"}`)

// BenchmarkSend measures one attempt over a kept loopback connection. The receiver
// runs on the same processors.
func BenchmarkSend(b *testing.B) {
	s := receivertest.Listen(b)
	s.Forget()
	target := open(b, newClient(b, Options{}), s.URL(), webhook.Settings{})
	b.ReportAllocs()
	for b.Loop() {
		if a := target.Send(due("user.created", benchData)); a.StatusCode != 200 {
			b.Fatalf("got %+v", a)
		}
	}
}

// BenchmarkSendParallel measures the same from 32 goroutines per processor.
func BenchmarkSendParallel(b *testing.B) {
	s := receivertest.Listen(b)
	s.Forget()
	target := open(b, newClient(b, Options{}), s.URL(), webhook.Settings{})
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a := target.Send(due("user.created", benchData)); a.StatusCode != 200 {
				b.Fatalf("got %+v", a)
			}
		}
	})
}

// BenchmarkSendWithoutSystem measures an attempt without system calls and without a
// receiver: the cost of this package and of webhook.
func BenchmarkSendWithoutSystem(b *testing.B) {
	dial := dialTo(func() (net.Conn, error) { return &echo{answer: []byte(expressAnswer)}, nil }, nil)
	target := open(b, newClient(b, Options{Dial: dial}), "http://127.0.0.1/", webhook.Settings{})
	b.ReportAllocs()
	for b.Loop() {
		if a := target.Send(due("user.created", benchData)); a.StatusCode != 200 {
			b.Fatalf("got %+v", a)
		}
	}
}

// expressAnswer is a usual response of an Express server.
const expressAnswer = "HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nContent-Type: text/plain; charset=utf-8\r\n" +
	"Content-Length: 2\r\nETag: W/\"2-nOO9QiTIwXgNtWtBJezz8kv3SLc\"\r\nDate: Sat, 17 May 2025 10:30:45 GMT\r\n" +
	"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nOK"
