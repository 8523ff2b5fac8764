package peer

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// TestParseFrame shows that a frame has one form only.
func TestParseFrame(t *testing.T) {
	good := frame{from: 1, to: 0xfedcba9876543210, number: 7, digest: [32]byte{1, 2, 3}}.String()
	if f, err := parseFrame(good); err != nil || f.String() != good {
		t.Fatalf("%v, %v", f, err)
	}
	for reason, text := range map[string]string{
		"empty":             "",
		"a field less":      good[:strings.LastIndex(good, " ")],
		"a field more":      good + " 00",
		"upper case":        strings.ToUpper(good),
		"a sign":            "+" + good[1:],
		"a short number":    good[1:],
		"a short digest":    good[:len(good)-2],
		"not hexadecimal":   "g" + good[1:],
		"a space in front":  " " + good,
		"a digest that ill": good[:len(good)-1] + "x",
	} {
		if _, err := parseFrame(text); err == nil {
			t.Errorf("%s: %q is taken for a frame", reason, text)
		}
	}
}

// TestAuthenticate changes each part that the code is made of.
func TestAuthenticate(t *testing.T) {
	ours := secret(strings.Repeat("s", MinSecret))
	f := frame{from: 1, to: 2, number: 3}
	request := func(method, path string, sent frame, mac string) *http.Request {
		r, err := http.NewRequest(method, "http://node"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(headerFrame, sent.String())
		r.Header.Set(headerMac, mac)
		return r
	}
	mac := ours.request("POST", "/v1/hints", f)
	if got, err := ours.authenticate(request("POST", "/v1/hints", f, mac)); err != nil || got != f {
		t.Fatal(got, err)
	}
	other := func(change func(f *frame)) frame {
		changed := f
		change(&changed)
		return changed
	}
	for reason, r := range map[string]*http.Request{
		"another method":        request("PUT", "/v1/hints", f, mac),
		"another path":          request("POST", "/v1/call", f, mac),
		"another sender":        request("POST", "/v1/hints", other(func(f *frame) { f.from = 9 }), mac),
		"another receiver":      request("POST", "/v1/hints", other(func(f *frame) { f.to = 9 }), mac),
		"another number":        request("POST", "/v1/hints", other(func(f *frame) { f.number = 9 }), mac),
		"another body":          request("POST", "/v1/hints", other(func(f *frame) { f.digest[0] = 9 }), mac),
		"no code":               request("POST", "/v1/hints", f, ""),
		"another secret's code": request("POST", "/v1/hints", f, secret("another").request("POST", "/v1/hints", f)),
		"an answer's code":      request("POST", "/v1/hints", f, ours.answer(mac, "", nil)),
	} {
		if _, err := ours.authenticate(r); err == nil {
			t.Errorf("%s is authenticated", reason)
		}
	}
}

// TestWindow compares the window with a set of all numbers that were seen.
func TestWindow(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var w window
		seen := map[uint64]bool{}
		latest := uint64(0)
		for range 5000 {
			n := latest + uint64(random.IntN(40))
			if random.IntN(50) == 0 {
				n += uint64(random.IntN(3 * windowSize))
			}
			n -= min(n, uint64(random.IntN(1200)))
			want := n > 0 && !seen[n] && n+windowSize > latest
			if got := w.take(n); got != want {
				t.Fatalf("number %d after %d: %t, want %t", n, latest, got, want)
			}
			if want {
				seen[n], latest = true, max(latest, n)
			}
		}
	}
}
