package webhook

import (
	"testing"

	"github.com/corpastro/astrohook/webhook/signing"
)

// TestHeadersFor also checks that a Verifier without settings reads the header that a
// server without settings sends.
func TestHeadersFor(t *testing.T) {
	want := Headers{
		"X-Corp-Astro-Webhook-ID", "X-Corp-Astro-Event", "X-Corp-Astro-Timestamp",
		"X-Corp-Astro-Event-ID", "X-Corp-Astro-Event-Timestamp", "X-Corp-Astro-Attempt",
		"X-Corp-Astro-Signature", "X-Corp-Astro-Signature-Next",
	}
	got := HeadersFor(DefaultHeaderPrefix)
	if got != want {
		t.Errorf("got %+v", got)
	}
	if got.Signature != signing.DefaultHexHeader {
		t.Errorf("a Verifier reads %s by default, and deliveries carry %s", signing.DefaultHexHeader, got.Signature)
	}
}
