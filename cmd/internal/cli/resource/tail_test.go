package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// streamed is what the server of a test sends, in two connections.
var streamed = []string{
	"retry: 2000\nid: r-1\nevent: hello\ndata: {\"at\":\"2026-01-02T03:04:05.678Z\"}\n\n:\nid: r-4\n\n" +
		"id: r-5\nevent: attempt\ndata: {\"at\":\"2026-01-02T03:04:05.678Z\",\"webhook_id\":\"wh_1\",\"delivery_id\":\"whd_1\",\"event_type\":\"user.created\",\"number\":2,\"status\":\"failed\",\"code\":503,\"reason\":\"http_5xx\",\"duration_ms\":84,\"n\":12345678901234567890}\n\n",
	"id: r-9\nevent: hello\ndata: {\"at\":\"2026-01-02T03:04:05.678Z\"}\n\n" +
		"event: lost\ndata: {\"lost\":3,\"exact\":true}\n\n" +
		"id: r-10\nevent: breaker\ndata: {\"at\":\"2026-01-02T03:04:05.678Z\",\"webhook_id\":\"wh_1\",\"state\":\"open\"}\n\n" +
		"id: r-11\nevent: webhook\ndata: {\"at\":\"2026-01-02T03:04:05.678Z\",\"webhook_id\":\"wh_\\u001b[2J\",\"change\":\"paused\",\"status\":\"paused\"}\n\n",
}

// tailed runs the command on such a server, and returns what it printed, and after which
// event each connection continued.
func tailed(t *testing.T, c *Tail) (out, notes string, after []string) {
	t.Helper()
	var mu sync.Mutex
	c.caller = serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		after = append(after, r.Header.Get("Last-Event-ID"))
		_, _ = io.WriteString(w, streamed[min(len(after), len(streamed))-1])
	})
	var text, said bytes.Buffer
	if err := c.Run(t.Context(), terminal.Streams{Out: &text, Err: &said}); err != nil {
		t.Fatal(err)
	}
	return text.String(), said.String(), after
}

// TestTail: one line an event, without hellos and comments; the stream is opened again where
// it broke off, and what is lost is said beside the result.
func TestTail(t *testing.T) {
	out, notes, after := tailed(t, &Tail{Flags: output.Flags{Output: output.Table}, Count: 4})
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "failed") || !strings.Contains(lines[0], "attempt #2 user.created whd_1 wh_1 84ms http_5xx") ||
		!strings.Contains(lines[1], "open") || !strings.HasSuffix(lines[2], "paused") {
		t.Errorf("%q", lines)
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("no terminal, and escape sequences: %q", out)
	}
	if !strings.Contains(notes, "3 events were lost") || !strings.Contains(notes, "trying again") {
		t.Errorf("%q", notes)
	}
	if !slices.Equal(after, []string{"", "r-5"}) {
		t.Errorf("continued after %q", after)
	}
}

// TestTailForPrograms: each event is one JSON value with its kind, and keeps its digits.
func TestTailForPrograms(t *testing.T) {
	out, _, _ := tailed(t, &Tail{Flags: output.Flags{Output: output.NDJSON}, Count: 3})
	var kinds []string
	for line := range strings.Lines(out) {
		var v struct{ Event string }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		kinds = append(kinds, v.Event)
	}
	if !slices.Equal(kinds, []string{"attempt", "lost", "breaker"}) || !strings.Contains(out, "12345678901234567890") {
		t.Errorf("%q", out)
	}
}

// TestTailEnds: with a refusal at once, and with an interrupt without an error.
func TestTailEnds(t *testing.T) {
	refused := &Tail{Flags: output.Flags{Output: output.Table}}
	refused.caller = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"title":"Not allowed"}`)
	})
	if err := refused.Run(t.Context(), terminal.Streams{Out: io.Discard, Err: io.Discard}); err == nil || !strings.Contains(err.Error(), "Not allowed") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := &Tail{Flags: output.Flags{Output: output.JSON}}
	stopped.caller = serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, streamed[0])
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		cancel()
		<-r.Context().Done()
	})
	if err := stopped.Run(ctx, terminal.Streams{Out: io.Discard, Err: io.Discard}); err != nil {
		t.Error(err)
	}
}
