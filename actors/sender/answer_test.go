package sender

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/corpastro/astrohook/actors/subscriber"
	"github.com/corpastro/astrohook/webhook"
)

// TestWhatIsKeptOfAnAnswer: beside status and body, what explains the answer.
func TestWhatIsKeptOfAnAnswer(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	full := strings.Repeat("x", DefaultExcerptBytes)
	chunk := "1000\r\n" + full + "\r\n"
	for _, c := range []struct {
		name  string
		reply subscriber.Reply
		want  webhook.Attempt
	}{
		{"nothing to add", subscriber.Answer(200), webhook.Attempt{StatusCode: 200, Response: []byte("ok")}},
		{
			"location", subscriber.With(307, "ok", "Location: https://other.example/a?b"),
			webhook.Attempt{StatusCode: 307, Response: []byte("ok"), Location: "https://other.example/a?b"},
		},
		{"location of no redirect", subscriber.With(201, "ok", "Location: /made"), webhook.Attempt{StatusCode: 201, Response: []byte("ok")}},
		{
			"long location", subscriber.With(302, "ok", "Location: /"+strings.Repeat("é", webhook.MaxLocation)),
			webhook.Attempt{StatusCode: 302, Response: []byte("ok"), Location: "/" + strings.Repeat("é", (webhook.MaxLocation-1)/2)},
		},
		{
			"rude location", subscriber.With(302, "ok", "Location: /\x1b[2J\x00\xff\u202e."),
			webhook.Attempt{StatusCode: 302, Response: []byte("ok"), Location: "/?[2J???."},
		},
		{"gzip", subscriber.With(200, full+full, "Content-Encoding: gzip"), webhook.Attempt{StatusCode: 200, ResponseEncoding: "gzip"}},
		{"two encodings", subscriber.With(500, "zz", "Content-Encoding: br", "content-encoding: gzip"), webhook.Attempt{StatusCode: 500, ResponseEncoding: "br, gzip"}},
		{"long encoding", subscriber.With(500, "zz", "Content-Encoding: "+full), webhook.Attempt{StatusCode: 500, ResponseEncoding: full[:64]}},
		{"identity", subscriber.With(200, "ok", "Content-Encoding: identity"), webhook.Attempt{StatusCode: 200, Response: []byte("ok")}},
		{
			"gzip in chunks", subscriber.Raw(ok + "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n"),
			webhook.Attempt{StatusCode: 200, ResponseEncoding: "gzip"},
		},
		{"as long as what is kept", subscriber.With(200, full), webhook.Attempt{StatusCode: 200, Response: []byte(full)}},
		{"a byte longer", subscriber.With(200, full+"x"), webhook.Attempt{StatusCode: 200, Response: []byte(full), ResponseTruncated: true}},
		{"chunks as long", subscriber.Raw(ok + "Transfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n"), webhook.Attempt{StatusCode: 200, Response: []byte(full)}},
		{
			"chunks a byte longer", subscriber.Raw(ok + "Transfer-Encoding: chunked\r\n\r\n" + chunk + "1\r\nx\r\n0\r\n\r\n"),
			webhook.Attempt{StatusCode: 200, Response: []byte(full), ResponseTruncated: true},
		},
		{"as long, until close", subscriber.Then(subscriber.Raw(ok + "\r\n" + full)), webhook.Attempt{StatusCode: 200, Response: []byte(full)}},
		{
			"a byte longer, until close", subscriber.Then(subscriber.Raw(ok + "\r\n" + full + "x")),
			webhook.Attempt{StatusCode: 200, Response: []byte(full), ResponseTruncated: true},
		},
		{
			"cut off by the receiver", subscriber.Then(subscriber.Raw(ok + "Content-Length: 10\r\n\r\nabc")),
			webhook.Attempt{StatusCode: 200, Response: []byte("abc"), ResponseTruncated: true},
		},
		{"long head", subscriber.With(200, "ok", "X: "+strings.Repeat("a", maxHead)), webhook.Attempt{StatusCode: 200, Detail: "the response's head is longer than 16 KiB"}},
		{
			"head with Retry-After before what is too long", subscriber.With(503, "ok", "Retry-After: 7", "X: "+strings.Repeat("a", maxHead)),
			webhook.Attempt{StatusCode: 503, RetryAfter: 7 * time.Second, Detail: "the response's head is longer than 16 KiB"},
		},
		{
			"Retry-After cut off", subscriber.Then(subscriber.Raw("HTTP/1.1 503 Oh\r\nRetry-After: 7")),
			webhook.Attempt{StatusCode: 503, Detail: "the connection ended within the response's head"},
		},
		{
			"long status line", subscriber.Raw("HTTP/1.1 200 " + strings.Repeat("a", maxStatusLine)),
			webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the response's status line is longer than 8 KiB"},
		},
		{
			"many informational responses", subscriber.Raw(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20_000)),
			webhook.Attempt{StatusCode: 100, Detail: "informational responses of more than 256 KiB"},
		},
		{
			"nothing after informational responses", subscriber.Then(subscriber.Raw("HTTP/1.1 100 Continue\r\n\r\n")),
			webhook.Attempt{Failure: webhook.ReasonReset, Detail: "only informational responses came"},
		},
		{
			"two lengths", subscriber.Raw(ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"),
			webhook.Attempt{StatusCode: 200, Detail: "the response's headers do not say for sure where its body ends"},
		},
		{"no status", subscriber.Raw("HTTP/1.1 OK\r\n\r\n"), webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the response's status line is not valid"}},
		{
			"TLS", subscriber.Raw("\x15\x03\x01\x00\x02\x02\x46"),
			webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the receiver speaks TLS on this port: the target's URL must begin with https"},
		},
		{"mail", subscriber.Raw("220 mail.example ESMTP\r\n"), webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the response does not begin with HTTP/1"}},
		{
			"HTTP/2", subscriber.Raw("\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
			webhook.Attempt{Failure: webhook.ReasonProtocol, Detail: "the receiver speaks HTTP/2 without being asked to, not HTTP/1.1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := subscriber.Listen(t)
			s.Always(c.reply)
			wantAnswer(t, send(open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})), c.want)
		})
	}
}

// wantAnswer compares all that an answer decides, but for times.
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

// TestPrintable: whatever comes in, what comes out is text within its bounds.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain text": "plain text", "a\r\nb\tc": "a??b?c", "\xff\xfe": "??", "12345678901": "1234567890",
		"123456789é": "123456789", "日本語日本語": "日本語", "\u200b\u202e": "??",
	} {
		if got := printable([]byte(text), 10); got != want || !utf8.ValidString(got) {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestLatency: the time to the status line, of an attempt that waits for more.
func TestLatency(t *testing.T) {
	const line, end = "HTTP/1.1 200 OK\r\n", "Content-Length: 4\r\n\r\n"
	parts := func(texts ...string) subscriber.Reply {
		return func(c *subscriber.Conn) {
			for _, text := range texts {
				if !c.Pause(100 * time.Millisecond) {
					return
				}
				subscriber.Raw(text)(c)
			}
		}
	}
	for _, c := range []struct {
		name              string
		reply             subscriber.Reply
		latency, duration time.Duration
	}{
		{"at once", subscriber.Answer(200), 0, 0},
		{"body without an end", subscriber.After(time.Second, subscriber.Raw(line+"\r\nok")), time.Second, time.Second + bodyBudget},
		{"head in parts", parts(line, end, "ab", "cd"), 100 * time.Millisecond, 400 * time.Millisecond},
		{"after a hint", parts("HTTP/1.1 103 Hint\r\n\r\n", line, end+"abcd"), 200 * time.Millisecond, 300 * time.Millisecond},
		{"head without an end", parts(line), 100 * time.Millisecond, 10 * time.Second},
		{"no answer", subscriber.After(time.Second, subscriber.Reset()), 0, time.Second},
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
