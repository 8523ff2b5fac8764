package sender

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// TestWhatIsKeptOfAnAnswer: an attempt keeps status and body, and what explains
// them.
func TestWhatIsKeptOfAnAnswer(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	full := strings.Repeat("x", DefaultExcerptBytes)
	chunk := "1000\r\n" + full + "\r\n"
	for _, c := range []struct {
		name  string
		reply receivertest.Reply
		want  webhook.Attempt
	}{
		{"nothing to add", receivertest.Answer(200), webhook.Attempt{StatusCode: 200, Response: []byte("ok")}},
		{
			"location", receivertest.With(307, "ok", "Location: https://other.example/a?b"),
			webhook.Attempt{StatusCode: 307, Response: []byte("ok"), Location: "https://other.example/a?b"},
		},
		{"location of no redirect", receivertest.With(201, "ok", "Location: /made"), webhook.Attempt{StatusCode: 201, Response: []byte("ok")}},
		{
			"long location", receivertest.With(302, "ok", "Location: /"+strings.Repeat("é", webhook.MaxLocation)),
			webhook.Attempt{StatusCode: 302, Response: []byte("ok"), Location: "/" + strings.Repeat("é", (webhook.MaxLocation-1)/2)},
		},
		{
			"rude location", receivertest.With(302, "ok", "Location: /\x1b[2J\x00\xff\u202e."),
			webhook.Attempt{StatusCode: 302, Response: []byte("ok"), Location: "/?[2J???."},
		},
		{"gzip", receivertest.With(200, full+full, "Content-Encoding: gzip"), webhook.Attempt{StatusCode: 200, ResponseEncoding: "gzip"}},
		{"two encodings", receivertest.With(500, "zz", "Content-Encoding: br", "content-encoding: gzip"), webhook.Attempt{StatusCode: 500, ResponseEncoding: "br, gzip"}},
		{"long encoding", receivertest.With(500, "zz", "Content-Encoding: "+full), webhook.Attempt{StatusCode: 500, ResponseEncoding: full[:64]}},
		{"identity", receivertest.With(200, "ok", "Content-Encoding: identity"), webhook.Attempt{StatusCode: 200, Response: []byte("ok")}},
		{
			"gzip in chunks", receivertest.Raw(ok + "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n"),
			webhook.Attempt{StatusCode: 200, ResponseEncoding: "gzip"},
		},
		{"as long as what is kept", receivertest.With(200, full), webhook.Attempt{StatusCode: 200, Response: []byte(full)}},
		{"a byte longer", receivertest.With(200, full+"x"), webhook.Attempt{StatusCode: 200, Response: []byte(full), ResponseTruncated: true}},
		{"chunks as long", receivertest.Raw(ok + "Transfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n"), webhook.Attempt{StatusCode: 200, Response: []byte(full)}},
		{
			"chunks a byte longer", receivertest.Raw(ok + "Transfer-Encoding: chunked\r\n\r\n" + chunk + "1\r\nx\r\n0\r\n\r\n"),
			webhook.Attempt{StatusCode: 200, Response: []byte(full), ResponseTruncated: true},
		},
		{"as long, until close", receivertest.Then(receivertest.Raw(ok + "\r\n" + full)), webhook.Attempt{StatusCode: 200, Response: []byte(full)}},
		{
			"a byte longer, until close", receivertest.Then(receivertest.Raw(ok + "\r\n" + full + "x")),
			webhook.Attempt{StatusCode: 200, Response: []byte(full), ResponseTruncated: true},
		},
		{
			"cut off by the receiver", receivertest.Then(receivertest.Raw(ok + "Content-Length: 10\r\n\r\nabc")),
			webhook.Attempt{StatusCode: 200, Response: []byte("abc"), ResponseTruncated: true},
		},
		{"long head", receivertest.With(200, "ok", "X: "+strings.Repeat("a", http1.MaxHead)), webhook.Attempt{StatusCode: 200, Detail: "the response's head is longer than 16 KiB"}},
		{
			"head with Retry-After before what is too long", receivertest.With(503, "ok", "Retry-After: 7", "X: "+strings.Repeat("a", http1.MaxHead)),
			webhook.Attempt{StatusCode: 503, RetryAfter: 7 * time.Second, Detail: "the response's head is longer than 16 KiB"},
		},
		{
			"Retry-After cut off", receivertest.Then(receivertest.Raw("HTTP/1.1 503 Oh\r\nRetry-After: 7")),
			webhook.Attempt{StatusCode: 503, Detail: "the connection ended within the response's head"},
		},
		{
			"long status line", receivertest.Raw("HTTP/1.1 200 " + strings.Repeat("a", http1.MaxStatusLine)),
			webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the response's status line is longer than 8 KiB"},
		},
		{
			"many informational responses", receivertest.Raw(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20_000)),
			webhook.Attempt{StatusCode: 100, Detail: "informational responses of more than 256 KiB"},
		},
		{
			"nothing after informational responses", receivertest.Then(receivertest.Raw("HTTP/1.1 100 Continue\r\n\r\n")),
			webhook.Attempt{Failure: webhook.ReasonReset, Detail: "only informational responses came"},
		},
		{
			"two lengths", receivertest.Raw(ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"),
			webhook.Attempt{StatusCode: 200, Detail: "the response's headers do not say for sure where its body ends"},
		},
		{"no status", receivertest.Raw("HTTP/1.1 OK\r\n\r\n"), webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the response's status line is not valid"}},
		{
			"TLS", receivertest.Raw("\x15\x03\x01\x00\x02\x02\x46"),
			webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the receiver speaks TLS on this port: the target's URL must begin with https"},
		},
		{"mail", receivertest.Raw("220 mail.example ESMTP\r\n"), webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the response does not begin with HTTP/1"}},
		{
			"HTTP/2", receivertest.Raw("\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
			webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the receiver speaks HTTP/2 without being asked to, not HTTP/1.1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := receivertest.Listen(t)
			s.Always(c.reply)
			wantAnswer(t, send(open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})), c.want)
		})
	}
}

// wantAnswer compares everything that a response decides, except times.
func wantAnswer(t *testing.T, got, want webhook.Attempt) {
	t.Helper()
	wantAttempt(t, got, want.StatusCode, want.Failure)
	if string(got.Response) != string(want.Response) || got.ResponseTruncated != want.ResponseTruncated || got.ResponseEncoding != want.ResponseEncoding {
		t.Errorf("body %q, truncated %v, encoded %q; want %q, %v, %q", got.Response, got.ResponseTruncated, got.ResponseEncoding,
			want.Response, want.ResponseTruncated, want.ResponseEncoding)
	}
	if got.Location != want.Location || got.Detail != want.Detail || got.RetryAfter != want.RetryAfter {
		t.Errorf("location %q, detail %q, retry after %v; want %q, %q, %v", got.Location, got.Detail, got.RetryAfter, want.Location, want.Detail, want.RetryAfter)
	}
	if hasLatency := got.Latency > 0; hasLatency != (want.StatusCode != 0) || got.Latency > got.Duration || got.Requests != 1 {
		t.Errorf("latency %v of %v, %d requests", got.Latency, got.Duration, got.Requests)
	}
}

// TestLatency: latency ends with the status line, also if the attempt waits for
// more.
func TestLatency(t *testing.T) {
	const line, end = "HTTP/1.1 200 OK\r\n", "Content-Length: 4\r\n\r\n"
	parts := func(texts ...string) receivertest.Reply {
		return func(c *receivertest.Conn) {
			for _, text := range texts {
				if !c.Pause(100 * time.Millisecond) {
					return
				}
				receivertest.Raw(text)(c)
			}
		}
	}
	for _, c := range []struct {
		name              string
		reply             receivertest.Reply
		latency, duration time.Duration
	}{
		{"at once", receivertest.Answer(200), 0, 0},
		{"body without an end", receivertest.After(time.Second, receivertest.Raw(line+"\r\nok")), time.Second, time.Second + http1.BodyBudget},
		{"head in parts", parts(line, end, "ab", "cd"), 100 * time.Millisecond, 400 * time.Millisecond},
		{"after a hint", parts("HTTP/1.1 103 Hint\r\n\r\n", line, end+"abcd"), 200 * time.Millisecond, 300 * time.Millisecond},
		{"head without an end", parts(line), 100 * time.Millisecond, 10 * time.Second},
		{"no answer", receivertest.After(time.Second, receivertest.Reset()), 0, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, client := inMemory(t, Options{})
				s.Always(c.reply)
				a := send(open(t, client, "http://receiver.example/", webhook.Settings{Timeout: 10 * time.Second}))
				if a.Latency != c.latency || a.Duration != c.duration {
					t.Fatalf("latency %v, duration %v; want %v, %v", a.Latency, a.Duration, c.latency, c.duration)
				}
			})
		})
	}
}
