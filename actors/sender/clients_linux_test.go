package sender

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"github.com/corpastro/astrohook/webhook"
)

// BenchmarkClients compares this client with those of net/http and fasthttp in one
// run: each sends the same signed delivery over one kept loopback connection, and
// keeps the first bytes of the answer's body. The receiver is the same for all and
// allocates nothing. cpu-ns/op is the processor time of both ends, which other
// programs on the machine disturb less than the time on the clock.
// docs/decisions/0001-own-http1-client.md quotes the ratios.
//
// The others get less work: they neither sign nor build the body, and have no
// guard, no pool shared by clients, no account of the bytes that were written, and
// no bound for a body that does not end. "content" is what signing and building cost.
func BenchmarkClients(b *testing.B) {
	url := answering(b)
	target := open(b, newClient(b, Options{}), url, webhook.Settings{})
	d := delivery{id: testID, eventType: "user.created", data: benchData, attempt: 1, at: time.Unix(1e9, 0).UTC()}
	var m message
	b.Run("content", func(b *testing.B) {
		defer measured(b)()
		for b.Loop() {
			target.appendRequest(&m, d)
		}
	})
	header := readRequest(b, target).Header
	header.Del("Content-Length")
	b.Run("own", func(b *testing.B) {
		defer measured(b)()
		for b.Loop() {
			if a := target.Send(due("user.created", benchData)); a.StatusCode != 200 || string(a.Response) != "OK" {
				b.Fatalf("got %+v", a)
			}
		}
	})
	target.appendRequest(&m, d)
	b.Run("net/http", func(b *testing.B) { benchNetHTTP(b, url, header, m.body) })
	b.Run("fasthttp", func(b *testing.B) { benchFastHTTP(b, url, header, m.body) })
}

// measured counts allocations and processor time from now until stop, which reports
// the latter.
func measured(b *testing.B) (stop func()) {
	b.ReportAllocs()
	start := processorTime(b)
	return func() { b.ReportMetric(float64(processorTime(b)-start)/float64(b.N), "cpu-ns/op") }
}

// processorTime returns the time that the process has used, in the kernel and
// outside of it.
func processorTime(b *testing.B) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// answering starts a receiver that reads requests with a body of an object in an
// object, and answers each as an Express server does.
func answering(b *testing.B) (url string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go answerAll(conn)
		}
	}()
	return "http://" + ln.Addr().String() + "/"
}

func answerAll(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	answer, request, n := []byte(expressAnswer), make([]byte, 8<<10), 0
	for {
		more, err := conn.Read(request[n:])
		if err != nil {
			return
		}
		if n += more; bytes.HasSuffix(request[:n], []byte("}}")) {
			n = 0
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
}

func benchNetHTTP(b *testing.B, url string, header http.Header, body []byte) {
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer measured(b)()
	for b.Loop() {
		r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header = header
		resp, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		excerpt, err := io.ReadAll(io.LimitReader(resp.Body, DefaultExcerptBytes))
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || string(excerpt) != "OK" {
			b.Fatal(resp.StatusCode, err)
		}
	}
}

func benchFastHTTP(b *testing.B, url string, header http.Header, body []byte) {
	client := &fasthttp.HostClient{
		Addr: strings.Trim(url, "htp:/"), Dial: func(addr string) (net.Conn, error) { return net.Dial("tcp", addr) },
		NoDefaultUserAgentHeader: true, DisablePathNormalizing: true, MaxResponseBodySize: 64 << 10,
	}
	defer client.CloseIdleConnections()
	defer measured(b)()
	for b.Loop() {
		r, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		r.Header.SetMethod(http.MethodPost)
		r.SetRequestURI(url)
		for name, values := range header {
			r.Header.Set(name, values[0])
		}
		r.SetBodyRaw(body)
		err := client.DoTimeout(r, resp, 10*time.Second)
		if excerpt := bytes.Clone(resp.Body()); err != nil || resp.StatusCode() != 200 || string(excerpt) != "OK" {
			b.Fatal(resp.StatusCode(), err)
		}
		fasthttp.ReleaseRequest(r)
		fasthttp.ReleaseResponse(resp)
	}
}
