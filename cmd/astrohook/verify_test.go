package main

import (
	"strings"
	"testing"
)

// The vector of Standard Webhooks that design §5 gives.
const (
	vectorBody   = `{"test": 2432232314}`
	vectorSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorPublic = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=" // of Svix's vector for v1a
)

var vectorHeaders = []string{
	"-H", "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
	"-H", "webhook-timestamp: 1614265330",
	"-H", "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}

// The same body under a plain secret, made with `openssl dgst -sha256 -hmac`.
const (
	plainSecret = "a plain secret of sixteen or more"
	plainHex    = "4411c982deee53bea01c9dddecca130665d584c4d655fcef4657ca3374a540d4"
)

func TestVerify(t *testing.T) {
	standard := append([]string{"verify", "--secret", vectorSecret, "--any-age"}, vectorHeaders...)
	plain := func(hex string) []string {
		return []string{"verify", "--secret", plainSecret, "-H", "X-Corp-Astro-Signature: " + hex}
	}
	const private = "webhook-signature: v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
	public := append([]string{"verify", "--public-key", vectorPublic, "--any-age"}, append(vectorHeaders[:4:4], "-H", private)...)
	for _, c := range []struct {
		reason string
		args   []string
		body   string
		code   int
		want   string
	}{
		{"the standard's vector", standard, vectorBody, 0, "webhook-signature: valid"},
		{"a changed body", standard, vectorBody + " ", 1, "signature does not match"},
		{"another secret", append([]string{"verify", "--secret", plainSecret, "--any-age"}, vectorHeaders...), vectorBody, 1, "signature does not match"},
		{"one of two secrets", append(standard, "--secret", plainSecret), vectorBody, 0, "webhook-signature: valid"},
		{"a request of 2021", append([]string{"verify", "--secret", vectorSecret}, vectorHeaders...), vectorBody, 1, "out of tolerance"},
		{"the body's HMAC", plain(plainHex), vectorBody, 0, "X-Corp-Astro-Signature: valid"},
		{"a changed body under the HMAC", plain(plainHex), "{}", 1, "X-Corp-Astro-Signature: NOT VALID"},
		{"an HMAC that is not hex", plain("xyz"), vectorBody, 1, "malformed"},
		{"one of two signatures wrong", append(standard, "-H", "X-Corp-Astro-Signature: "+plainHex), vectorBody, 1, "X-Corp-Astro-Signature: NOT VALID"},
		{"a private key's signature", public, vectorBody, 0, "webhook-signature: valid"},
		{"a changed body under a private key", public, vectorBody + " ", 1, "signature does not match"},
		{"a private key's signature and an HMAC that nothing is known of", append(public, "-H", "X-Corp-Astro-Signature: "+plainHex), vectorBody, 0, "webhook-signature: valid"},
		{"a secret where the public key belongs", append([]string{"verify", "--public-key", vectorSecret, "--any-age"}, public[4:]...), vectorBody, 1, "public key 1 of 1 does not begin with whpk_"},
		{
			"the HMAC of a successor",
			[]string{"verify", "--secret", plainSecret, "-H", "X-Corp-Astro-Signature: " + strings.Repeat("0", 64), "-H", "X-Corp-Astro-Signature-Next: " + plainHex},
			vectorBody, 0, "X-Corp-Astro-Signature-Next: valid",
		},
		{"the HMAC of a predecessor", append(plain(plainHex), "-H", "X-Corp-Astro-Signature-Next: "+strings.Repeat("0", 64)), vectorBody, 0, "X-Corp-Astro-Signature: valid"},
		{"neither of two HMACs", append(plain(strings.Repeat("1", 64)), "-H", "X-Corp-Astro-Signature-Next: "+strings.Repeat("0", 64)), vectorBody, 1, "X-Corp-Astro-Signature: NOT VALID"},
		{"the event's headers", append(plain(plainHex), "-H", "x-corp-astro-event-id: evt_1", "-H", "x-corp-astro-attempt: 2\x1b[2J"), vectorBody, 0, "event evt_1, attempt 2?[2J\n"},
		{"another header prefix", []string{"verify", "--secret", plainSecret, "--header-prefix=X-Acme", "-H", "x-acme-signature: " + plainHex}, vectorBody, 0, "X-Acme-Signature: valid"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got := runCommand(t, c.body, c.args...)
			if got.code != c.code || !strings.Contains(got.out, c.want) {
				t.Errorf("exit code %d, want %d; output %q, want %q in it; error %q", got.code, c.code, got.out, c.want, got.err)
			}
			if (got.code != 0) != (got.err != "") {
				t.Errorf("exit code %d with the error %q", got.code, got.err)
			}
		})
	}
}

func TestVerifyFile(t *testing.T) {
	file := writeFile(t, "body.json", vectorBody)
	args := append([]string{"verify", "--secret", vectorSecret, "--any-age", file}, vectorHeaders...)
	if got := runCommand(t, "", args...); got.code != 0 {
		t.Errorf("%+v", got)
	}
}
