package main

import (
	"strings"
	"testing"
	"time"
)

// TestDurations: every setting and flag that is a duration takes days and weeks,
// from the command line, the environment and a file.
func TestDurations(t *testing.T) {
	file := writeFile(t, "settings.yaml", "retention: 1w2d\nmax-webhook-retry: 1d12h\n")
	t.Setenv("ASTROHOOK_CONFIG", file)
	t.Setenv("ASTROHOOK_MAX_WEBHOOK_OVERLAP", "2d")
	line, err := parse(t, "serve", "--max-webhook-breaker-open=0.5d")
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	for _, c := range []struct {
		what      string
		got, want time.Duration
	}{
		{"file", line.Serve.Retention, 9 * day},
		{"file", line.Serve.MaxWebhookRetry, 36 * time.Hour},
		{"environment", line.Serve.MaxWebhookOverlap, 2 * day},
		{"flag", line.Serve.MaxWebhookBreakerOpen, 12 * time.Hour},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
	if line, err = parse(t, "token", "--lifetime=30d"); err != nil || line.Token.Lifetime != 30*day {
		t.Errorf("another command: %v, %v", line.Token.Lifetime, err)
	}
	for _, wrong := range []string{"7 d", "a week", "7", "1mo"} {
		if _, err := parse(t, "serve", "--retention="+wrong); err == nil || !strings.Contains(err.Error(), "retention") || !strings.Contains(err.Error(), "7d") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
