package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fixture is an API with fixed answers: testdata/api.json has them by method and path. A
// time in them is a distance from now, such as "@-3m30s": halfway in its unit, so that an
// age is the same at each run.
type fixture struct {
	*httptest.Server
	answers map[string]json.RawMessage

	mu    sync.Mutex
	calls []string // method, path and body of each call
}

// startFixture starts the API.
func startFixture(t *testing.T) *fixture {
	t.Helper()
	text, err := os.ReadFile("testdata/api.json")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{}
	if err := json.Unmarshal(text, &f.answers); err != nil {
		t.Fatal(err)
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

var distance = regexp.MustCompile(`"@(-?[0-9hms]+)"`)

// ServeHTTP answers a call, with the query if there is an answer of its own for that. The
// answer to what is not there is that of the API.
func (f *fixture) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.calls = append(f.calls, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)))
	f.mu.Unlock()
	answer, there := f.answers[r.Method+" "+r.URL.String()]
	if strings.Contains(string(body), `"dry_run":true`) {
		answer, there = f.answers[r.Method+" "+r.URL.Path+" dry_run"]
	}
	if !there {
		answer, there = f.answers[r.Method+" "+r.URL.Path]
	}
	if !there {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"type":"urn:astrohook:problem:not-found","title":"Not found","status":404,"detail":"there is no such thing, or it belongs to another client"}`)
		return
	}
	var text string // of an answer that is no JSON
	if json.Unmarshal(answer, &text) == nil {
		if r.URL.Path == "/api/stream" {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		_, _ = io.WriteString(w, text)
		return
	}
	now := time.Now().UTC()
	_, _ = w.Write(distance.ReplaceAllFunc(answer, func(text []byte) []byte {
		d, err := time.ParseDuration(string(distance.FindSubmatch(text)[1]))
		if err != nil {
			panic(err)
		}
		return []byte(now.Add(d).Format(`"2006-01-02T15:04:05.000Z"`))
	}))
}

// taken returns the calls since the last time.
func (f *fixture) taken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// called returns the calls since the last time that they were taken.
func (f *fixture) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}
