package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/badgerstore"
)

// TestSayOpening: one line, at level info, about what the start found.
func TestSayOpening(t *testing.T) {
	for _, c := range []struct {
		reason string
		found  badgerstore.Opening
		want   []string
	}{
		{"a first start", badgerstore.Opening{New: true, Took: 20 * time.Millisecond}, []string{"new data directory", "took_ms=20"}},
		{"a clean stop", badgerstore.Opening{Pending: 7}, []string{"clean stop", "pending=7 still_counting=false"}},
		{"a crash", badgerstore.Opening{Logs: 1, Transactions: 12, Bytes: 3456, Pending: 4096, Counting: true}, []string{
			"unclean end", "in flight are made again", "pending=4096 still_counting=true", "replayed_logs=1 replayed_commits=12 replayed_bytes=3456",
		}},
	} {
		var out bytes.Buffer
		sayOpening(slog.New(slog.NewTextHandler(&out, nil)), c.found)
		if strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "level=INFO") {
			t.Errorf("%s: want one line: %s", c.reason, out.String())
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in %s", c.reason, want, out.String())
			}
		}
	}
}
