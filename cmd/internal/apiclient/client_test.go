package apiclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/settings"
)

// serving starts a server and returns a client of it. Both end with the test.
func serving(t *testing.T, handler http.HandlerFunc) *apiclient.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := apiclient.New(server.URL+"/", " tok\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// answering returns a handler that always answers alike.
func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestNew: which URLs and tokens a user may give, and what the error says about others.
func TestNew(t *testing.T) {
	for _, c := range []struct{ server, token, want string }{
		{"http://127.0.0.1:8080", "tok", ""},
		{"https://hooks.example/", "tok", ""},
		{"https://hooks.example/prefix/", "tok", ""},
		{"http://[::1]:8080", "tok", ""},
		{"hooks.example", "tok", "it does not begin with http:// or https://"},
		{"localhost:8080", "tok", "it does not begin with http:// or https://"},
		{"ftp://hooks.example", "tok", "it does not begin with http:// or https://"},
		{"", "tok", "it does not begin with http:// or https://"},
		{"http://", "tok", "the host is missing"},
		{"http://:8080", "tok", "the host is missing"},
		{"http://hooks.example:0", "tok", "the port 0 is not from 1 to 65535"},
		{"http://hooks.example:65536", "tok", "the port 65536 is not from 1 to 65535"},
		{"http://hooks.example:x", "tok", "invalid port"},
		{"http://hooks.example/%zz", "tok", "invalid URL escape"},
		{"http://me@hooks.example", "tok", "the token goes into --token"},
		{"http://hooks.example/?a=b", "tok", "it has a query or a fragment"},
		{"http://hooks.example/#a", "tok", "it has a query or a fragment"},
		{"http://hooks.example", "", "--token (ASTROHOOK_TOKEN) is not set"},
		{"http://hooks.example", " \n", "--token (ASTROHOOK_TOKEN) is not set"},
	} {
		client, err := apiclient.New(c.server, c.token)
		if c.want == "" {
			if err != nil || client.Server != strings.TrimRight(c.server, "/") {
				t.Errorf("%q: %+v, %v", c.server, client, err)
			}
			continue
		}
		var usage *settings.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with the token %q: error %v, want a usage error with %q", c.server, c.token, err, c.want)
		}
	}
}

// TestRequest: what arrives at the server is what the caller asked for, with the token.
func TestRequest(t *testing.T) {
	for _, c := range []struct {
		reason string
		ask    apiclient.Request
		want   string
	}{
		{
			"a body with its type",
			apiclient.Request{Method: http.MethodPost, Path: "/api/events", ContentType: "application/json", Body: []byte(`{"a":1}`)},
			`POST /api/events application/json 7 {"a":1}`,
		},
		{"no body", apiclient.Request{Method: http.MethodDelete, Path: "/api/keys/x"}, "DELETE /api/keys/x  0 "},
		{"an escaped path with a query", apiclient.Request{Method: http.MethodGet, Path: "/api/keys/a%2Fb?limit=1"}, "GET /api/keys/a%2Fb?limit=1  0 "},
	} {
		t.Run(c.reason, func(t *testing.T) {
			client := serving(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Authorization"); got != "Bearer tok" {
					t.Errorf("authorization %q: white space around the token must not be sent", got)
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				_, _ = fmt.Fprintf(w, "%s %s %s %d %s", r.Method, r.RequestURI, r.Header.Get("Content-Type"), r.ContentLength, body)
			})
			status, text, err := client.Send(t.Context(), c.ask)
			if err != nil || status != http.StatusOK || string(text) != c.want {
				t.Errorf("%d %q, %v; want %q", status, text, err, c.want)
			}
		})
	}
}

// TestDo: which answers are a success, and how the others read.
func TestDo(t *testing.T) {
	for _, c := range []struct {
		reason string
		status int
		body   string
		want   string // the error; "" for none
	}{
		{"done", 200, `{"id":"evt_1"}`, ""},
		{"accepted", 202, `{"id":"evt_1"}`, ""},
		{"some of a batch refused", 207, `{"id":"evt_1"}`, ""},
		{"not JSON", 200, "<html>", "the server's answer is not what was expected"},
		{"another shape", 200, `{"id":1}`, "the server's answer is not what was expected"},
		{"nothing", 200, "", "the server's answer is not what was expected"},
		{"refused with a reason", 422, `{"title":"Invalid input","field":"type","detail":"is not registered"}`, "the server answered 422 Unprocessable Entity: Invalid input: type: is not registered"},
		{"refused by a proxy", 502, "<html>\x1b[2J", "the server answered 502 Bad Gateway"},
		{"a status without a name", 599, "{}", "the server answered 599 "},
	} {
		t.Run(c.reason, func(t *testing.T) {
			client := serving(t, answering(c.status, c.body))
			var answer struct {
				ID string `json:"id"`
			}
			err := client.Do(t.Context(), apiclient.Request{Method: http.MethodGet, Path: "/"}, &answer)
			if c.want == "" {
				if err != nil || answer.ID != "evt_1" {
					t.Errorf("%+v, %v", answer, err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	client := serving(t, answering(http.StatusNoContent, ""))
	if err := client.Do(t.Context(), apiclient.Request{Method: http.MethodDelete, Path: "/"}, nil); err != nil {
		t.Errorf("an answer that nobody wants was read: %v", err)
	}
}

// TestIsNotFound: only the server's own 404 counts, also when the error was wrapped.
func TestIsNotFound(t *testing.T) {
	for _, status := range []int{400, 401, 404, 410, 500} {
		err := serving(t, answering(status, "{}")).Do(t.Context(), apiclient.Request{Method: http.MethodGet, Path: "/"}, nil)
		if got := apiclient.IsNotFound(fmt.Errorf("renew: %w", err)); got != (status == 404) {
			t.Errorf("%d: %v", status, got)
		}
	}
	if apiclient.IsNotFound(nil) || apiclient.IsNotFound(errors.New("the server answered 404 Not Found")) {
		t.Error("no answer of a server counts as its 404")
	}
}

// TestRedirects: neither a call nor a download follows one, and the token stays here.
func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was followed", r.Method, r.URL)
	}))
	defer elsewhere.Close()
	for _, c := range []struct {
		status   int
		location string
		want     string
	}{
		{301, elsewhere.URL, "the server answered 301 Moved Permanently: it points to " + elsewhere.URL + "; redirects are not followed"},
		{307, elsewhere.URL, "the server answered 307 Temporary Redirect: it points to " + elsewhere.URL},
		{302, "/here", "the server answered 302 Found: it points to /here"},
		{300, "", "the server answered 300 Multiple Choices; redirects are not followed"},
		{308, "/\u009b2J", "it points to /?2J"},
	} {
		client := serving(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api" {
				t.Errorf("%s was asked for", r.URL)
			}
			if c.location != "" {
				w.Header().Set("Location", c.location)
			}
			w.WriteHeader(c.status)
		})
		_, _, err := client.Send(t.Context(), apiclient.Request{Method: http.MethodPost, Path: "/api"})
		_, errOpen := client.Open(t.Context(), "/api")
		for call, err := range map[string]error{"Send": err, "Open": errOpen} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s at %d: %v, want %q", call, c.status, err, c.want)
			}
		}
	}
}

// TestOpen: a download of any length arrives whole, a refusal is an error with its
// reason, and a download that the server cuts off is not taken for a whole one.
func TestOpen(t *testing.T) {
	const parts, part = 20, 1 << 20 // more than the bound of other answers
	client := serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/whole":
			for range parts {
				_, _ = w.Write(make([]byte, part))
			}
		case "/cut":
			_, _ = io.WriteString(w, "a part")
			panic(http.ErrAbortHandler)
		default:
			answering(http.StatusForbidden, `{"title":"Not allowed"}`)(w, r)
		}
	})
	stream, err := client.Open(t.Context(), "/whole")
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, stream)
	if err = errors.Join(err, stream.Close()); err != nil || n != parts*part {
		t.Errorf("%d bytes, %v", n, err)
	}
	if stream, err = client.Open(t.Context(), "/cut"); err == nil {
		_, err = io.Copy(io.Discard, stream)
		err = errors.Join(err, stream.Close())
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Errorf("a download that was cut off: %v", err)
	}
	if _, err = client.Open(t.Context(), "/other"); err == nil || err.Error() != "the server answered 403 Forbidden: Not allowed" {
		t.Errorf("a refusal: %v", err)
	}
}

// TestLongAnswer: a server cannot make a command read without end. The answer is cut,
// and what is left is not JSON.
func TestLongAnswer(t *testing.T) {
	client := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"`)
		for range 17 {
			_, _ = w.Write([]byte(strings.Repeat("x", 1<<20)))
		}
	})
	request := apiclient.Request{Method: http.MethodGet, Path: "/"}
	if _, text, err := client.Send(t.Context(), request); err != nil || len(text) != 16<<20 {
		t.Errorf("%d bytes were read, want 16 MiB; %v", len(text), err)
	}
	if err := client.Do(t.Context(), request, new(map[string]any)); err == nil {
		t.Error("a part of an answer was taken for the whole")
	}
}

// TestCancelled: an interrupt ends a call that waits for its answer.
func TestCancelled(t *testing.T) {
	asked := make(chan struct{}, 2)
	client := serving(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	for name, call := range map[string]func(context.Context) error{
		"Do": func(ctx context.Context) error {
			return client.Do(ctx, apiclient.Request{Method: http.MethodGet, Path: "/"}, nil)
		},
		"Open": func(ctx context.Context) error {
			_, err := client.Open(ctx, "/")
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asked
			cancel()
		}()
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnreachable: the error names the call that failed, and New bounds each call.
func TestUnreachable(t *testing.T) {
	client, err := apiclient.New("http://127.0.0.1:1", "tok")
	if err != nil {
		t.Fatal(err)
	}
	if client.HTTP.Timeout != 30*time.Second {
		t.Errorf("timeout %v", client.HTTP.Timeout)
	}
	if err := client.Do(t.Context(), apiclient.Request{Method: http.MethodGet, Path: "/"}, nil); err == nil || !strings.HasPrefix(err.Error(), "call the server: ") || strings.Contains(err.Error(), "tok") {
		t.Errorf("%v", err)
	}
	if err := client.Do(t.Context(), apiclient.Request{Method: "BAD METHOD", Path: "/"}, nil); err == nil || !strings.HasPrefix(err.Error(), "make the request: ") {
		t.Errorf("%v", err)
	}
}

// ExampleRefusal shows how a problem document (RFC 9457) reads. A field that the
// detail begins with is not named twice.
func ExampleRefusal() {
	for _, body := range []string{
		`{"title":"Unknown event type","field":"event_type","detail":"is not registered","suggestions":["user.created"]}`,
		`{"title":"Invalid input","field":"retry.max_attempts","detail":"max_attempts is not from 1 to 30"}`,
		`{"title":"Shutting down"}`,
		`{"detail":"a\u001b[2Jb"}`,
		`not JSON`,
	} {
		fmt.Println(apiclient.Refusal(422, []byte(body)))
	}
	// Output:
	// the server answered 422 Unprocessable Entity: Unknown event type: event_type: is not registered (perhaps user.created)
	// the server answered 422 Unprocessable Entity: Invalid input: max_attempts is not from 1 to 30
	// the server answered 422 Unprocessable Entity: Shutting down
	// the server answered 422 Unprocessable Entity: a?[2Jb
	// the server answered 422 Unprocessable Entity
}

// TestPasswordStaysOut: an error about a URL with a password does not show the password,
// because errors end up in logs.
func TestPasswordStaysOut(t *testing.T) {
	_, err := apiclient.New("http://user:hunter2@127.0.0.1:8080", "token")
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "user or a password") {
		t.Errorf("the error is %v", err)
	}
}
