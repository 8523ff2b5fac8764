package peer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// quietServer is a server as node 2 that is not started: requests are passed to it directly.
// It knows the nodes of a set, and answers /echo with what it got.
func quietServer(known map[storage.Incarnation]bool) *Server {
	return NewServer(ServerOptions{
		Self: 2, Secret: testSecret, Known: func(n storage.Incarnation) bool { return known[n] }, Log: slog.New(slog.DiscardHandler),
		Handlers: map[string]Handler{
			"/echo": func(_ context.Context, _ storage.Incarnation, body []byte) ([]byte, error) { return body, nil },
		},
	})
}

// signed is a request of node 1 with the code that it needs; number is its frame's.
func signed(method, path string, number uint64, body string) *http.Request {
	f := frame{from: 1, to: 2, number: number, digest: sha256.Sum256([]byte(body))}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set(headerFrame, f.String())
	r.Header.Set(headerMac, secret(testSecret).request(method, r.URL.EscapedPath(), f))
	return r
}

// believed reports whether an answer has the code that belongs to its request.
func believed(r *http.Request, answer *httptest.ResponseRecorder) bool {
	want := secret(testSecret).answer(r.Header.Get(headerMac), answer.Header().Get(headerError), answer.Body.Bytes())
	return answer.Header().Get(headerMac) == want
}

// TestAnswer: what a server answers, by name, to a request of a node of the cluster. Each of
// the answers is authenticated, the refusals too. The rows share one server, in this order.
func TestAnswer(t *testing.T) {
	s := quietServer(map[storage.Incarnation]bool{1: true})
	without := func(r *http.Request, length int64) *http.Request {
		r.ContentLength = length
		return r
	}
	otherBody := func(r *http.Request, body string) *http.Request {
		r.Body = io.NopCloser(strings.NewReader(body))
		return r
	}
	for _, c := range []struct {
		reason     string
		request    *http.Request
		code, body string
	}{
		{"a request", signed("POST", "/echo", 1, "abc"), "", "abc"},
		{"nothing to say", signed("POST", "/echo", 2, ""), "", ""},
		{"its number again", signed("POST", "/echo", 2, "abc"), "repeated", ""},
		{"a number that no request has", signed("POST", "/echo", 0, ""), "repeated", ""},
		{"another method", signed("GET", "/echo", 3, ""), "no_such_path", ""},
		{"another path", signed("POST", "/echo/", 3, ""), "no_such_path", ""},
		{"another spelling of the path", signed("POST", "/%65cho", 3, ""), "no_such_path", ""},
		{"a number that was used for what is not there", signed("POST", "/echo", 3, "x"), "", "x"},
		{"no length", without(signed("POST", "/echo", 4, "abc"), -1), "too_large", ""},
		{"too long", without(signed("POST", "/echo", 5, "abc"), maxRequest+1), "too_large", ""},
		{"a body that is cut off", without(signed("POST", "/echo", 6, "abc"), 4), "body", ""},
		{"another body", otherBody(signed("POST", "/echo", 7, "abc"), "abd"), "body", ""},
		{"a number that came late", signed("POST", "/echo", 2000, ""), "", ""},
		{"one that is too far behind", signed("POST", "/echo", 2000-windowSize, ""), "repeated", ""},
		{"one that is just not", signed("POST", "/echo", 2001-windowSize, ""), "", ""},
	} {
		answer := httptest.NewRecorder()
		s.answer(answer, c.request)
		want := http.StatusOK
		if c.code != "" {
			want = http.StatusUnprocessableEntity
		}
		if code := answer.Header().Get(headerError); code != c.code || answer.Body.String() != c.body || answer.Code != want {
			t.Errorf("%s: %d %q %q, want %d %q %q", c.reason, answer.Code, code, answer.Body, want, c.code, c.body)
		}
		if !believed(c.request, answer) {
			t.Errorf("%s: the answer is not authenticated", c.reason)
		}
	}
}

// TestAnswerToStrangers: without the secret's code a request gets a status and nothing more,
// and its body is not read.
func TestAnswerToStrangers(t *testing.T) {
	s := quietServer(map[storage.Incarnation]bool{1: true})
	for reason, change := range map[string]func(http.Header){
		"no frame":     func(h http.Header) { h.Del(headerFrame) },
		"no code":      func(h http.Header) { h.Del(headerMac) },
		"another code": func(h http.Header) { h.Set(headerMac, strings.Repeat("0", 64)) },
		"half a code":  func(h http.Header) { h.Set(headerMac, h.Get(headerMac)[:32]) },
		"upper case":   func(h http.Header) { h.Set(headerMac, strings.ToUpper(h.Get(headerMac))) },
	} {
		r := signed("POST", "/echo", 1, "abc")
		change(r.Header)
		answer := httptest.NewRecorder()
		s.answer(answer, r)
		header := answer.Header()
		if answer.Code != http.StatusUnauthorized || answer.Body.Len() > 0 || header.Get(headerMac) != "" || header.Get("Connection") != "close" {
			t.Errorf("%s: %d %v %q", reason, answer.Code, header, answer.Body)
		}
		if rest, err := io.ReadAll(r.Body); err != nil || string(rest) != "abc" {
			t.Errorf("%s: the body was read; %q is left, %v", reason, rest, err)
		}
	}
	answer := httptest.NewRecorder()
	if s.answer(answer, signed("POST", "/echo", 1, "abc")); answer.Code != http.StatusOK {
		t.Errorf("a number that strangers used: %d", answer.Code)
	}
}

// TestServerForgets: a node that is gone is not heard, and its numbers are forgotten when
// another one is heard first.
func TestServerForgets(t *testing.T) {
	known := map[storage.Incarnation]bool{1: true}
	s := quietServer(known)
	for n := range uint64(3) {
		if !s.fresh(frame{from: 1, number: n + 1}) {
			t.Errorf("number %d is not fresh", n+1)
		}
	}
	known[3] = true
	if delete(known, 1); !s.fresh(frame{from: 3, number: 1}) || len(s.windows) != 1 {
		t.Errorf("%d nodes are remembered", len(s.windows))
	}
	r := signed("POST", "/echo", 9, "")
	answer := httptest.NewRecorder()
	if s.answer(answer, r); answer.Header().Get(headerError) != "stranger" || !believed(r, answer) || len(s.windows) != 1 {
		t.Errorf("a node that is gone: %v; %d are remembered", answer.Header(), len(s.windows))
	}
}

// TestCodes: every error of the vocabulary crosses as itself, wrapped or not, under a name of
// its own. Of all others only that there was one.
func TestCodes(t *testing.T) {
	names := map[string]bool{"": true, codeFailed: true}
	for _, c := range codes {
		if names[c.name] {
			t.Errorf("the name %q stands for two errors", c.name)
		}
		names[c.name] = true
		name := codeOf(fmt.Errorf("publish: %w", c.err))
		if err := errorOf(name); name != c.name || !errors.Is(err, c.err) {
			t.Errorf("%v crosses as %q, and arrives as %v", c.err, name, err)
		}
	}
	if codeOf(nil) != "" || errorOf("") != nil {
		t.Errorf("no error crosses as %q, %v", codeOf(nil), errorOf(""))
	}
	if name := codeOf(errors.New("words for nobody else")); name != codeFailed {
		t.Errorf("another error crosses as %q", name)
	}
	for _, name := range []string{codeFailed, "a_name_of_a_later_version", "Conflict"} {
		err := errorOf(name)
		if err == nil || err.Error() != "the other node failed" || errors.Is(err, webhook.ErrConflict) {
			t.Errorf("%q arrives as %v", name, err)
		}
	}
}

// TestAskWithoutForm: what cannot be encoded is an error where it is, on either side.
func TestAskWithoutForm(t *testing.T) {
	type none struct{ C chan int }
	asked := 0
	to := startServer(t, map[string]Handler{
		"/none": Answer(func(context.Context, int) (none, error) { asked++; return none{}, nil }),
	})
	c := startClient(t, 1, testSecret)
	if _, err := Ask[none, int](t.Context(), c, to, "/none", none{}); err == nil || errors.Is(err, ErrAway) || asked > 0 {
		t.Errorf("the question: %v, asked %d times", err, asked)
	}
	if _, err := Ask[int, int](t.Context(), c, to, "/none", 1); err == nil || errors.Is(err, ErrAway) || asked != 1 {
		t.Errorf("the answer: %v, asked %d times", err, asked)
	}
}

// TestAskAcrossVersions: fields that only one side has are left out, in questions and answers.
func TestAskAcrossVersions(t *testing.T) {
	type old struct{ A, B int }
	type later struct{ B, C int }
	to := startServer(t, map[string]Handler{
		"/later": Answer(func(_ context.Context, q later) (later, error) { return later{B: q.B + 1, C: 9}, nil }),
	})
	c := startClient(t, 1, testSecret)
	if got, err := Ask[old, old](t.Context(), c, to, "/later", old{A: 1, B: 2}); err != nil || got != (old{B: 3}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestClientForgets: only the numbers of nodes that are gone begin again.
func TestClientForgets(t *testing.T) {
	c := startClient(t, 1, testSecret)
	for want := range uint64(3) {
		if two, three := c.next(2), c.next(3); two != want+1 || three != want+1 {
			t.Errorf("numbers %d and %d, want %d", two, three, want+1)
		}
	}
	c.Forget(func(n storage.Incarnation) bool { return n == 2 })
	if two, three := c.next(2), c.next(3); two != 1 || three != 4 {
		t.Errorf("numbers %d and %d, want 1 and 4", two, three)
	}
}

// TestNoticesAreBounded: with as many under way as may be nothing is sent, and with one less
// one is.
func TestNoticesAreBounded(t *testing.T) {
	looked := make(chan struct{}, 10)
	to := startServer(t, NoticeHandlers(func() { looked <- struct{}{} }, func(context.Context, uint64) uint64 { return 0 }))
	n := &Notices{Client: startClient(t, 1, testSecret), Others: func() []storage.Node { return []storage.Node{to} }, underWay: maxNotices}
	if n.PartsMoved(0); n.underWay != maxNotices {
		t.Errorf("%d are under way", n.underWay)
	}
	n.end()
	n.PartsMoved(0)
	n.calls.Wait()
	if len(looked) != 1 || n.underWay != maxNotices-1 {
		t.Errorf("%d times looked, %d under way", len(looked), n.underWay)
	}
}

// TestNoticeOfAVersion: a version has eight bytes, in the notice and in its answer.
func TestNoticeOfAVersion(t *testing.T) {
	handlers := NoticeHandlers(func() {}, func(_ context.Context, version uint64) uint64 { return version + 0x100 })
	for body, want := range map[string]string{
		"\x00\x00\x00\x00\x00\x00\x02\x01": "\x00\x00\x00\x00\x00\x00\x03\x01", "": "", "1234567": "", "123456789": "",
	} {
		got, err := handlers[pathVersion](t.Context(), 1, []byte(body))
		if string(got) != want || (want == "") != errors.Is(err, errBody) {
			t.Errorf("%q: %q, %v; want %q", body, got, err, want)
		}
	}
	if got, err := handlers[pathLook](t.Context(), 1, bytes.Repeat([]byte("x"), 9)); len(got) > 0 || err != nil {
		t.Errorf("look: %q, %v", got, err)
	}
}
