package http1

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/valyala/fasthttp"
)

// expressAnswer is what an Express server usually says.
const expressAnswer = "HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nContent-Type: text/plain; charset=utf-8\r\n" +
	"Content-Length: 2\r\nETag: W/\"2-nOO9QiTIwXgNtWtBJezz8kv3SLc\"\r\nDate: Sat, 17 May 2025 10:30:45 GMT\r\n" +
	"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nOK"

// BenchmarkReadHead compares the reader of response heads with fasthttp's.
func BenchmarkReadHead(b *testing.B) {
	answer := []byte(expressAnswer)
	b.Run("own", func(b *testing.B) {
		raw := &scripted{piece: 1 << 20}
		b.ReportAllocs()
		for b.Loop() {
			raw.text = answer
			r := NewResponseReader(raw)
			if h, err := r.ReadHead(); err != nil || h.length != 2 {
				b.Fatal(err)
			}
			r.Release()
		}
	})
	b.Run("fasthttp", func(b *testing.B) {
		raw := bytes.NewReader(nil)
		r := bufio.NewReaderSize(raw, MaxHead)
		var h fasthttp.ResponseHeader
		b.ReportAllocs()
		for b.Loop() {
			raw.Reset(answer)
			r.Reset(raw)
			if err := h.Read(r); err != nil || h.ContentLength() != 2 {
				b.Fatal(err)
			}
		}
	})
}
