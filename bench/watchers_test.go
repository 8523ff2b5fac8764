package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/report"
)

// stream shows attempts, whether there are any or not, until its reader or the server ends.
func (s *fakeServer) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.streamed++
	s.mu.Unlock()
	flush := http.NewResponseController(w).Flush
	fmt.Fprint(w, "retry: 2000\nid: a-1\nevent: hello\ndata: {}\n\n")
	_ = flush()
	for s.fault != "cut" {
		select {
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
			if s.fault != "mute" {
				fmt.Fprint(w, "id: a-2\nevent: attempt\ndata: {}\n\n:\nevent: lost\ndata: {}\n\n")
				_ = flush()
			}
		}
	}
}

// Each of the two loads runs by itself, and beside streams and a console.
func TestWatched(t *testing.T) {
	b, fake := openBenchAndServer(t, "")
	s := named(t, "watched")
	results, err := playWatched(t.Context(), b, s)
	if err != nil || len(results) != 4 {
		t.Fatalf("%+v, %v", results, err)
	}
	for i, variant := range []string{report.LatencyAlone, report.LatencyWatched, report.SingleAlone, ""} {
		r := results[i]
		if r.Variant != variant || r.Broken() || r.Delivered == 0 || (r.Rate == 500) != strings.HasPrefix(variant, "latency") {
			t.Errorf("%q: %+v", variant, r)
		}
	}
	fake.mu.Lock()
	defer fake.mu.Unlock()
	if fake.streamed != 2*watchingStreams || fake.listed < 4 { // two lists, beside either load
		t.Errorf("%d streams, %d lists", fake.streamed, fake.listed)
	}
}

// A stream that ends, or that shows nothing, is an error: nobody was watching.
func TestWatchersMustSee(t *testing.T) {
	for fault, want := range map[string]string{"cut": "/api/stream has ended", "mute": "was shown none of"} {
		_, err := openBench(t, fault).measureAlone(t.Context(), named(t, "watched"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", fault, err)
		}
	}
}
