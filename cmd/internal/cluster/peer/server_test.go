package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

var testSecret = strings.Repeat("k", MinSecret)

// startServer runs a server as node 2, which knows node 1 and answers with what it got.
func startServer(t *testing.T, more map[string]Handler) storage.Node {
	t.Helper()
	handlers := map[string]Handler{
		"/echo": func(_ context.Context, from storage.Incarnation, body []byte) ([]byte, error) {
			return append(fmt.Appendf(nil, "%d ", uint64(from)), body...), nil
		},
	}
	for path, h := range more {
		handlers[path] = h
	}
	return serve(t, ServerOptions{
		Self: 2, Secret: testSecret, Known: func(n storage.Incarnation) bool { return n == 1 },
		Handlers: handlers, Log: slog.New(slog.DiscardHandler),
	})
}

// serve runs a server until the test ends, and returns its node.
func serve(t *testing.T, o ServerOptions) storage.Node {
	t.Helper()
	s := NewServer(o)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(listener); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx) // a test may leave a request unfinished
		serving.Wait()
	})
	return storage.Node{Incarnation: o.Self, NodeInfo: storage.NodeInfo{Address: listener.Addr().String()}}
}

func startClient(t *testing.T, self storage.Incarnation, with string) *Client {
	t.Helper()
	c := NewClient(ClientOptions{Self: self, Secret: with})
	t.Cleanup(c.Close)
	return c
}

// TestCall asks and gets answers, many at the same time.
func TestCall(t *testing.T) {
	to := startServer(t, nil)
	c := startClient(t, 1, testSecret)
	var asking sync.WaitGroup
	for i := range 200 {
		asking.Go(func() {
			body := bytes.Repeat([]byte{byte(i)}, i*100)
			got, err := c.Call(t.Context(), to, "/echo", body)
			if err != nil || !bytes.Equal(got, append([]byte("1 "), body...)) {
				t.Errorf("%d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	asking.Wait()
}

// TestCallErrors shows which errors cross, and that nobody without the secret is heard or
// believed.
func TestCallErrors(t *testing.T) {
	failing := func(err error) Handler {
		return func(context.Context, storage.Incarnation, []byte) ([]byte, error) {
			return nil, fmt.Errorf("wrapped: %w", err)
		}
	}
	secretText := errors.New("words for nobody else")
	to := startServer(t, map[string]Handler{
		"/conflict": failing(webhook.ErrConflict), "/other": failing(secretText),
		"/large": func(context.Context, storage.Incarnation, []byte) ([]byte, error) {
			return make([]byte, maxAnswer+1), nil
		},
	})
	elsewhere := to
	elsewhere.Incarnation = 3
	ours := startClient(t, 1, testSecret)
	nowhere := to
	nowhere.Address = "127.0.0.1:1"
	for _, c := range []struct {
		reason string
		self   storage.Incarnation
		secret string
		to     storage.Node
		path   string
		body   int
		want   error
	}{
		{"an error of the vocabulary", 1, testSecret, to, "/conflict", 0, webhook.ErrConflict},
		{"no such path", 1, testSecret, to, "/nothing", 0, errNoSuchPath},
		{"too large", 1, testSecret, to, "/echo", maxRequest + 1, errTooLarge},
		{"a node that is not known", 9, testSecret, to, "/echo", 0, errStranger},
		{"an address that another node has now", 1, testSecret, elsewhere, "/echo", 0, errStranger},
		{"another secret", 1, strings.Repeat("x", MinSecret), to, "/echo", 0, ErrAway},
		{"nobody there", 1, testSecret, nowhere, "/echo", 0, ErrAway},
		{"an answer without end", 1, testSecret, to, "/large", 0, ErrAway},
	} {
		// A node has one client, which numbers its requests.
		by := ours
		if c.self != 1 || c.secret != testSecret {
			by = startClient(t, c.self, c.secret)
		}
		_, err := by.Call(t.Context(), c.to, c.path, make([]byte, c.body))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.reason, err, c.want)
		}
	}
	if _, err := ours.Call(t.Context(), to, "/other", nil); err == nil || strings.Contains(err.Error(), "words") {
		t.Errorf("another error crosses as %v", err)
	}
}

// TestRepetition records a request and sends it again.
func TestRepetition(t *testing.T) {
	to := startServer(t, nil)
	send := func(f frame, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+to.Address+"/echo", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(headerFrame, f.String())
		r.Header.Set(headerMac, secret(testSecret).request(r.Method, "/echo", f))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	f := frame{from: 1, to: 2, number: 1, digest: [32]byte{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}}
	if got := send(f, ""); got != http.StatusOK {
		t.Errorf("the request: %d", got)
	}
	if got := send(f, ""); got != http.StatusUnprocessableEntity {
		t.Errorf("the same request again: %d", got)
	}
	f.number = 2
	if got := send(f, "another body"); got != http.StatusUnprocessableEntity {
		t.Errorf("the code of another body: %d", got)
	}
}

// TestImpostor answers in place of a node: whatever it says, it is not believed.
func TestImpostor(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	impostor := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(headerMac, r.Header.Get(headerMac))
		_, _ = w.Write([]byte("done"))
	})}
	go func() { _ = impostor.Serve(listener) }()
	defer impostor.Close()
	to := storage.Node{Incarnation: 2, NodeInfo: storage.NodeInfo{Address: listener.Addr().String()}}
	if got, err := startClient(t, 1, testSecret).Call(t.Context(), to, "/echo", nil); !errors.Is(err, ErrAway) {
		t.Errorf("the answer %q is believed: %v", got, err)
	}
}

// TestSilence asks a node that accepts connections and says nothing: the call ends by
// itself.
func TestSilence(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	to := storage.Node{Incarnation: 2, NodeInfo: storage.NodeInfo{Address: listener.Addr().String()}}
	began := time.Now()
	if _, err := startClient(t, 1, testSecret).Call(t.Context(), to, "/echo", nil); !errors.Is(err, ErrAway) {
		t.Error(err)
	}
	if took := time.Since(began); took < callTimeout-time.Second {
		t.Errorf("the call ended after %s", took)
	}
}
