package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/app"
)

// startClock starts fasthttp's clock, which never ends, outside of any bubble.
func startClock(t *testing.T) {
	t.Helper()
	ln := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{Handler: func(*fasthttp.RequestCtx) {}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	dial := func(context.Context, string, string) (net.Conn, error) { return ln.Dial() }
	client := &apiclient.Client{Server: "http://x", HTTP: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
	if err := client.Do(t.Context(), apiclient.Request{Method: http.MethodGet, Path: "/"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(server.Shutdown(), <-served); err != nil {
		t.Fatal(err)
	}
}

// closeOnce makes a second Close harmless, as it is for sockets.
type closeOnce struct {
	net.Listener
	once sync.Once
}

func (c *closeOnce) Close() (err error) {
	c.once.Do(func() { err = c.Listener.Close() })
	return err
}

var errNoServer = errors.New("no server")

// bubbleServer is a whole server in virtual time that a client reaches in memory.
type bubbleServer struct {
	t      *testing.T
	config app.Config
	app    *app.App
	ln     atomic.Pointer[fasthttputil.InmemoryListener] // nil while it is stopped
}

func newBubbleServer(t *testing.T, dir string) *bubbleServer {
	s := &bubbleServer{t: t, config: app.Defaults()}
	s.config.DataDir, s.config.JWTSecret, s.config.SecretKeys = dir, testSecret, []string{testSecretKey}
	s.config.AllowAddresses, s.config.Log = loopback, slog.New(slog.DiscardHandler)
	return s
}

func (s *bubbleServer) start() {
	ln := fasthttputil.NewInmemoryListener()
	s.ln.Store(ln)
	s.config.PublicListener = &closeOnce{Listener: ln}
	s.config.AdminListener = &closeOnce{Listener: fasthttputil.NewInmemoryListener()}
	server, err := app.New(s.config)
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.app = server
}

func (s *bubbleServer) stop() {
	s.ln.Store(nil)
	if err := stopWithin(s.app, 30*time.Second); err != nil {
		s.t.Error(err)
	}
}

// client calls the server as an administrator.
func (s *bubbleServer) client() *apiclient.Client {
	token, err := claims{scopes: []string{"admin"}, lifetime: 1000 * time.Hour}.sign(testSecret, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	dial := func(context.Context, string, string) (net.Conn, error) {
		ln := s.ln.Load()
		if ln == nil {
			return nil, errNoServer
		}
		return ln.Dial()
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	return &apiclient.Client{Server: "http://astrohook", Token: token, HTTP: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// webhooks returns the ids of all webhooks.
func (s *bubbleServer) webhooks(c *apiclient.Client) (ids []string) {
	s.t.Helper()
	var page struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := c.Do(s.t.Context(), apiclient.Request{Method: http.MethodGet, Path: "/api/webhooks"}, &page); err != nil {
		s.t.Fatal(err)
	}
	for _, w := range page.Data {
		ids = append(ids, w.ID)
	}
	return ids
}

// TestRegistrationKept: as long as the command runs its webhook stays, also over
// restarts of the server, and comes back when somebody deletes it. When the command
// ends without deregistering, the webhook expires.
func TestRegistrationKept(t *testing.T) {
	startClock(t)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		server := newBubbleServer(t, dir)
		server.start()
		client := server.client()
		var said []string
		r := &registration{
			client: client, owner: "acme", secret: "a secret of the receiver", lease: time.Minute,
			target: "http://127.0.0.1:9000/", eventTypes: []string{"*"},
			say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
		}
		if err := r.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		killed := r.kept(t.Context())
		first := r.id
		time.Sleep(10 * time.Minute)
		if ids := server.webhooks(client); len(ids) != 1 || ids[0] != first {
			t.Fatalf("after ten minutes: %q, want %s", ids, first)
		}
		server.stop()
		time.Sleep(5 * time.Minute)
		server.start()
		time.Sleep(2 * time.Minute)
		if ids := server.webhooks(client); len(ids) != 1 || ids[0] != first {
			t.Fatalf("after a restart: %q, want %s", ids, first)
		}
		if len(said) != 2 || !strings.Contains(said[0], "not renewed") || !strings.Contains(said[1], "renewed again") {
			t.Errorf("said %q", said)
		}
		if err := client.Do(t.Context(), apiclient.Request{Method: http.MethodDelete, Path: "/api/webhooks/" + first}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if ids := server.webhooks(client); len(ids) != 1 || ids[0] == first || said[len(said)-1] != "The webhook was gone. Registered again as "+ids[0]+"." {
			t.Fatalf("after a deletion: %q, said %q", ids, said)
		}
		killed()
		time.Sleep(time.Minute + time.Second)
		if ids := server.webhooks(client); len(ids) != 0 {
			t.Errorf("%q are left of a command that was killed", ids)
		}
		if err := r.end(); err != nil {
			t.Errorf("deregister what is gone: %v", err)
		}
		server.stop()
		time.Sleep(2 * time.Minute) // what only waits for its idle time
	})
}

// TestDeregisterFails: the user learns that the webhook expires.
func TestDeregisterFails(t *testing.T) {
	r := &registration{client: &apiclient.Client{Server: "http://127.0.0.1:1", HTTP: &http.Client{}}, id: "wh_7", lease: time.Minute}
	if err := r.end(); err == nil || !strings.HasSuffix(err.Error(), "the webhook wh_7 expires within 1m0s") {
		t.Errorf("%v", err)
	}
}

// TestNoRegistration: without --register there is nothing to renew or to remove.
func TestNoRegistration(t *testing.T) {
	var r *registration
	r.kept(t.Context())()
	if err := r.end(); err != nil {
		t.Error(err)
	}
	began := &registration{client: &apiclient.Client{Server: "http://127.0.0.1:1", HTTP: &http.Client{}}}
	if err := began.end(); err != nil {
		t.Errorf("a registration that did not succeed was removed: %v", err)
	}
}

// TestRenew: what one renewal asks the server, and what the user reads about a series of
// them: one line when they begin to fail, and one when they work again.
func TestRenew(t *testing.T) {
	for _, c := range []struct {
		reason   string
		statuses []int // of the server's answers, one after the other
		calls    []string
		said     []string // the beginnings of the lines
	}{
		{"renewed", []int{200, 200}, []string{"PATCH wh_1", "PATCH wh_1"}, nil},
		{"fails, and works again", []int{503, 503, 200, 200}, []string{"PATCH wh_1", "PATCH wh_1", "PATCH wh_1", "PATCH wh_1"}, []string{
			"The lease was not renewed; the next renewal tries again: the server answered 503 Service Unavailable", "The lease is renewed again.",
		}},
		{"gone", []int{404, 201, 200}, []string{"PATCH wh_1", "POST", "PATCH wh_2"}, []string{"The webhook was gone. Registered again as wh_2."}},
		{"gone, and not allowed again", []int{404, 409, 404, 201}, []string{"PATCH wh_1", "POST", "PATCH wh_1", "POST"}, []string{
			"The lease was not renewed; the next renewal tries again: register: the server answered 409 Conflict",
			"The webhook was gone. Registered again as wh_2.", "The lease is renewed again.",
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			var calls, said []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				id := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/api/webhooks"), "/")
				if r.URL.RawQuery != "client_id=a%26b" {
					t.Errorf("asked for %s", r.URL)
				}
				w.WriteHeader(c.statuses[len(calls)])
				calls = append(calls, strings.TrimSpace(r.Method+" "+id))
				_, _ = io.WriteString(w, `{"id":"wh_2"}`)
			}))
			defer server.Close()
			r := &registration{
				client: &apiclient.Client{Server: server.URL, HTTP: server.Client()}, owner: "a&b", id: "wh_1", lease: minLease,
				say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
			}
			for len(calls) < len(c.statuses) {
				r.renew(t.Context())
			}
			if !slices.Equal(calls, c.calls) {
				t.Errorf("calls %q, want %q", calls, c.calls)
			}
			if !slices.EqualFunc(said, c.said, strings.HasPrefix) {
				t.Errorf("said %q, want %q", said, c.said)
			}
		})
	}
}
