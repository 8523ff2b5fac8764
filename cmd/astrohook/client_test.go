package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestNoRedirects: no command follows a redirect. Only the server that was asked can report
// success, and the token is for no other.
func TestNoRedirects(t *testing.T) {
	var strayed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		strayed.Add(1)
		if token := r.Header.Get("Authorization"); token != "" {
			t.Errorf("%s %s came with %s", r.Method, r.URL, token)
		}
		_, _ = w.Write([]byte(`{"id":"evt_1","deliveries":1,"results":[{"id":"evt_1"}],"data":[],"key":"ahk_1_2"}`))
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308, 300, 304} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/here") { // a redirect to the same host is none either
				strayed.Add(1)
				return
			}
			w.Header().Set("Location", elsewhere.URL+"/api")
			if r.Method == http.MethodGet {
				w.Header().Set("Location", "/here")
			}
			w.WriteHeader(status)
		}))
		at, stdin := []string{"--token=tok", "--server", server.URL}, `{"event_type":"a.b","data":1}`
		for _, args := range [][]string{
			append([]string{"publish", "user.created", "{}"}, at...),
			append([]string{"publish", "--batch=-"}, at...),
			append([]string{"key", "create", "x", "--client=a"}, at...),
			append([]string{"key", "list"}, at...),
			append([]string{"key", "revoke", "x"}, at...),
			append([]string{"reencrypt"}, at...),
			append([]string{"backup", filepath.Join(t.TempDir(), "file")}, at...),
			{"listen", "--register", server.URL, "--token=tok"},
		} {
			got := runCommand(t, stdin, args...)
			if got.code != exitFailed || !strings.Contains(got.err, "redirects are not followed") || !strings.Contains(got.err, "it points to ") {
				t.Errorf("%d: %s: %+v", status, args[0], got)
			}
		}
		server.Close()
	}
	if n := strayed.Load(); n > 0 {
		t.Errorf("%d requests went where a redirect pointed", n)
	}
}
