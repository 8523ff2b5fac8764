package signing

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The example of the Standard Webhooks specification.
const (
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorSeconds   = 1614265330
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

const plainSecret = "a plain secret – 16 characters or more"

func newSigner(t *testing.T, secrets ...Secret) *Signer {
	t.Helper()
	s, err := NewSigner(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStandardWebhooksVector(t *testing.T) {
	s := newSigner(t, Secret{Value: vectorSecret})
	for range 3 { // the hashes are used again
		got := s.AppendStandard([]byte("before"), time.Unix(vectorSeconds, 5e8), vectorID, []byte(vectorBody))
		if string(got) != "before"+vectorSignature {
			t.Fatalf("got %s, want %s", got, vectorSignature)
		}
	}
}

func TestAppendHex(t *testing.T) {
	old := Secret{Value: plainSecret, ExpiresAt: time.Unix(1, 0)}
	for _, c := range []struct {
		why     string
		secrets []Secret
	}{
		{"a plain secret's text is the key", []Secret{{Value: plainSecret}}},
		{"a whsec_ secret's text is the key too", []Secret{{Value: vectorSecret}}},
		{"only the newest secret signs", []Secret{{Value: vectorSecret}, old}},
	} {
		mac := hmac.New(sha256.New, []byte(c.secrets[0].Value))
		mac.Write([]byte(vectorBody))
		s := newSigner(t, c.secrets...)
		for range 2 {
			if got, want := string(s.AppendHex(nil, time.Unix(vectorSeconds, 0), []byte(vectorBody))), hex.EncodeToString(mac.Sum(nil)); got != want {
				t.Errorf("%s: got %s, want %s", c.why, got, want)
			}
		}
	}
}

// TestHexDuringRotation: while several shared secrets are valid, one header is signed
// with the oldest of them, which the receiver has, and the other with the newest.
func TestHexDuringRotation(t *testing.T) {
	end := time.Unix(1_700_000_000, 0)
	until := func(value string, at time.Time) Secret { return Secret{Value: value, ExpiresAt: at} }
	newest, private := Secret{Value: vectorSecret}, Secret{Value: vectorPrivate}
	const older, oldest = plainSecret, "the oldest secret of the three"
	for _, c := range []struct {
		why       string
		secrets   []Secret
		at        time.Time
		now, next string // whose signatures; "" for none
	}{
		{"one secret", []Secret{newest}, end, vectorSecret, ""},
		{"within an overlap", []Secret{newest, until(older, end)}, end.Add(-1), older, vectorSecret},
		{"after an overlap", []Secret{newest, until(older, end)}, end, vectorSecret, ""},
		{"within two overlaps", []Secret{newest, until(older, end), until(oldest, end.Add(-time.Hour))}, end.Add(-2 * time.Hour), oldest, vectorSecret},
		{"within the second of two", []Secret{newest, until(older, end), until(oldest, end.Add(-time.Hour))}, end.Add(-time.Hour), older, vectorSecret},
		{"an overlap that outlasts a later one", []Secret{newest, until(older, end.Add(-time.Hour)), until(oldest, end)}, end.Add(-1), oldest, vectorSecret},
		{"a private key", []Secret{private}, end, "", ""},
		{"to a private key", []Secret{private, until(older, end)}, end.Add(-1), older, ""},
		{"to a private key, after", []Secret{private, until(older, end)}, end, "", ""},
		{"from a private key", []Secret{newest, until(vectorPrivate, end)}, end.Add(-1), vectorSecret, ""},
		{"across a private key", []Secret{newest, until(vectorPrivate, end), until(older, end)}, end.Add(-1), older, vectorSecret},
	} {
		s := newSigner(t, c.secrets...)
		sum := func(secret string) string {
			if secret == "" {
				return ""
			}
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(vectorBody))
			return hex.EncodeToString(mac.Sum(nil))
		}
		if got := string(s.AppendHex(nil, c.at, []byte(vectorBody))); got != sum(c.now) || s.SignsHex(c.at) != (c.now != "") {
			t.Errorf("%s: signature %q, want that of %q", c.why, got, c.now)
		}
		next := ""
		if s.SignsNext(c.at) {
			next = string(s.AppendHexNext(nil, c.at, []byte(vectorBody)))
		}
		if next != sum(c.next) {
			t.Errorf("%s: next signature %q, want that of %q", c.why, next, c.next)
		}
	}
}

func TestRotation(t *testing.T) {
	end := time.Unix(1_700_000_000, 0)
	oldest := Secret{Value: "the oldest secret of the three", ExpiresAt: end.Add(-time.Hour)}
	old := Secret{Value: plainSecret, ExpiresAt: end}
	s := newSigner(t, Secret{Value: vectorSecret}, old, oldest)
	for _, c := range []struct {
		why    string
		at     time.Time
		signed []string
	}{
		{"all are valid, the newest comes first", end.Add(-2 * time.Hour), []string{vectorSecret, plainSecret, oldest.Value}},
		{"an expiry is the first moment without", end.Add(-time.Hour), []string{vectorSecret, plainSecret}},
		{"the newest does not expire", end, []string{vectorSecret}},
	} {
		got := strings.Split(string(s.AppendStandard(nil, c.at, "id", []byte("body"))), " ")
		if len(got) != len(c.signed) {
			t.Errorf("%s: got %d signatures %q, want %d", c.why, len(got), got, len(c.signed))
			continue
		}
		for i, secret := range c.signed {
			if want := newSigner(t, Secret{Value: secret}).AppendStandard(nil, c.at, "id", []byte("body")); got[i] != string(want) {
				t.Errorf("%s: signature %d is %s, want %s", c.why, i, got[i], want)
			}
		}
	}
}

// TestStandardWebhooksLibrary: what we sign the public library verifies, and the other way round.
func TestStandardWebhooksLibrary(t *testing.T) {
	now, body := time.Now(), []byte(`{"a":"ü"}`)
	generated, err := DefaultScheme.Generate(bytes.NewReader(make([]byte, 64)))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{vectorSecret, generated, plainSecret, strings.Repeat("x", MaxSecretLength)} {
		theirs, err := standardwebhooks.NewWebhookRaw([]byte(secret))
		if strings.HasPrefix(secret, "whsec_") {
			theirs, err = standardwebhooks.NewWebhook(secret)
		}
		if err != nil {
			t.Fatal(err)
		}
		ours := newSigner(t, Secret{Value: secret}, Secret{Value: "another secret of some length"})
		header := http.Header{}
		header.Set(HeaderID, "whd_1")
		header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		header.Set(HeaderSignature, string(ours.AppendStandard(nil, now, "whd_1", body)))
		if err := theirs.Verify(body, header); err != nil {
			t.Errorf("%s: the library refuses our signature: %v", secret, err)
		}
		signature, err := theirs.Sign("whd_1", now, body)
		if err != nil {
			t.Fatal(err)
		}
		header.Set(HeaderSignature, signature)
		v := Verifier{Secrets: []string{secret}}
		if _, err := v.Verify(header.Get, body, now); err != nil {
			t.Errorf("%s: we refuse the library's signature: %v", secret, err)
		}
	}
}

func TestSignerIsSafeForConcurrentUse(t *testing.T) {
	s := newSigner(t, Secret{Value: vectorSecret}, Secret{Value: plainSecret})
	at := time.Unix(vectorSeconds, 0)
	want := string(s.AppendStandard(nil, at, vectorID, []byte(vectorBody)))
	wantHex := string(s.AppendHex(nil, time.Unix(vectorSeconds, 0), []byte(vectorBody)))
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for range 200 {
				got := string(s.AppendStandard(nil, at, vectorID, []byte(vectorBody)))
				if gotHex := string(s.AppendHex(nil, time.Unix(vectorSeconds, 0), []byte(vectorBody))); got != want || gotHex != wantHex {
					t.Errorf("got %s and %s, want %s and %s", got, gotHex, want, wantHex)
					return
				}
			}
		})
	}
	done.Wait()
}

func TestSignAllocations(t *testing.T) {
	s, dst, body := benchmarkSigner(t, vectorSecret), make([]byte, 0, 256), typicalBody
	if n := testing.AllocsPerRun(200, func() { s.AppendHex(dst, benchmarkTime, body) }); n > poolAllocations {
		t.Errorf("hex: %v allocations", n)
	}
	if n := testing.AllocsPerRun(200, func() { s.AppendHexNext(dst, benchmarkTime, body) }); n > poolAllocations {
		t.Errorf("next hex: %v allocations", n)
	}
	if n := testing.AllocsPerRun(200, func() { s.AppendStandard(dst, benchmarkTime, vectorID, body) }); n > poolAllocations {
		t.Errorf("standard: %v allocations", n)
	}
	private := benchmarkSigner(t, vectorPrivate)
	if n := testing.AllocsPerRun(200, func() { private.AppendStandard(dst, benchmarkTime, vectorID, body) }); n > poolAllocations {
		t.Errorf("standard, private key: %v allocations", n)
	}
}

func TestNewSignerRefuses(t *testing.T) {
	if _, err := NewSigner(nil); err == nil {
		t.Error("a signer without secrets")
	}
	_, err := NewSigner([]Secret{{Value: vectorSecret}, {Value: "short"}})
	if err == nil || !strings.Contains(err.Error(), "secret 2 of 2: the value is shorter than 16 characters") {
		t.Errorf("got %v", err)
	}
}

func TestValidateSecret(t *testing.T) {
	for _, c := range []struct{ why, text, refusal string }{
		{"the shortest", strings.Repeat("x", 16), ""},
		{"the longest", strings.Repeat("x", 256), ""},
		{"characters count, not bytes", strings.Repeat("ü", 256), ""},
		{"spaces are allowed", "correct horse battery staple", ""},
		{"base64", vectorSecret, ""},
		{"24 bytes", "whsec_" + strings.Repeat("AAAA", 8), ""},
		{"64 bytes", "whsec_" + strings.Repeat("AAAA", 21) + "AA==", ""},
		{"10 bytes", "whsec_" + strings.Repeat("AAAA", 3) + "AA==", "has 10 bytes after whsec_, not 24 to 64"},
		{"23 bytes", "whsec_" + strings.Repeat("AAAA", 7) + "AAA=", "has 23 bytes after whsec_, not 24 to 64"},
		{"65 bytes", "whsec_" + strings.Repeat("AAAA", 21) + "AAA=", "has 65 bytes after whsec_, not 24 to 64"},
		{"other casing", "WHSEC_" + strings.Repeat("AAAA", 8), "begins with whsec_ in another casing"},
		{"other casing", "Whsec_" + strings.Repeat("AAAA", 8), "begins with whsec_ in another casing"},
		{"other casing of a private key", "WHSK_" + strings.Repeat("AAAA", 8), "begins with whsk_ in another casing"},
		{"other casing of a public key", "WhPk_" + strings.Repeat("AAAA", 8), "begins with whpk_ in another casing"},
		{"pasted with its scheme", "v1," + vectorSecret, `begins with "v1,", which is no part of a secret: give what follows it, from whsec_ on`},
		{"pasted with its scheme", "V1,WHSEC_" + strings.Repeat("AAAA", 8), `begins with "v1,", which is no part of a secret: give what follows it, from whsec_ on`},
		{"pasted with the other scheme", "v1a," + vectorSecret, `begins with "v1a,", which is no part of a secret: give what follows it, from whsec_ on`},
		{"a signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", `begins with "v1,", which is no part of a secret: give what follows it, from whsec_ on`},
		{"pasted with a space", " " + vectorSecret, "has other text before whsec_"},
		{"pasted with quotes", `"` + vectorSecret + `"`, "has other text before whsec_"},
		{"pasted with its name", "WEBHOOK_SECRET=" + vectorSecret, "has other text before whsec_"},
		{"one too short", strings.Repeat("ü", 15), "is shorter than 16 characters"},
		{"one too long", strings.Repeat("x", 257), "is longer than 256 characters"},
		{"none", "", "is shorter than 16 characters"},
		{"a new line", "0123456789abcdef\n", "contains control characters"},
		{"DEL", "0123456789abcdef\x7f", "contains control characters"},
		{"not text", "0123456789abcdef\xff", "is not valid UTF-8"},
		{"not base64", "whsec_!!!!!!!!!!!!", "is not base64 after whsec_"},
		{"base64 without padding", "whsec_MfKQ9r8GKYqrTw", "is not base64 after whsec_"},
		{"base64 with stray bits", "whsec_MfKQ9r8GKYqrTx==", "is not base64 after whsec_"},
		{"base64 of another alphabet", "whsec_MfKQ9r8GKY-_TwjU", "is not base64 after whsec_"},
	} {
		err := ValidateSecret(c.text)
		switch {
		case c.refusal == "" && err != nil:
			t.Errorf("%s: %v", c.why, err)
		case c.refusal != "" && (err == nil || err.Error() != c.refusal):
			t.Errorf("%s: got %v, want %s", c.why, err, c.refusal)
		}
	}
}

// TestOlderSecrets: secrets that were stored before the rules for new ones still sign.
func TestOlderSecrets(t *testing.T) {
	for _, text := range []string{"whsec_" + strings.Repeat("AAAA", 3) + "AA==", "v1," + vectorSecret, "WHSEC_!!!!!!!!!!!!"} {
		if ValidateSecret(text) == nil {
			t.Errorf("%s can be set again", text)
		}
		if _, err := NewSigner([]Secret{{Value: text}}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestStandardSecret: both forms of a plain secret stand for one key.
func TestStandardSecret(t *testing.T) {
	for text, want := range map[string]string{
		"a plain secret, not in base64": "whsec_YSBwbGFpbiBzZWNyZXQsIG5vdCBpbiBiYXNlNjQ=",
		"ünïcode is UTF-8 here":         "whsec_w7xuw69jb2RlIGlzIFVURi04IGhlcmU=",
		vectorSecret:                    vectorSecret,
	} {
		standard := Secret{Value: text}.Standard()
		if standard != want {
			t.Errorf("%s: %s, want %s", text, standard, want)
		}
		plainKey, _ := sharedKey(text)
		if key, err := sharedKey(standard); err != nil || !bytes.Equal(key, plainKey) {
			t.Errorf("%s: key %q, %v", text, key, err)
		}
	}
	private, err := SchemeEd25519.Generate(bytes.NewReader(make([]byte, 32)))
	if got := (Secret{Value: private}).Standard(); err != nil || got != "" {
		t.Errorf("a private key: %q, %v", got, err)
	}
}

func TestGenerateSecret(t *testing.T) {
	random := bytes.NewReader([]byte(strings.Repeat("\xfb", 31) + "\x01" + strings.Repeat("\x02", 32)))
	first, err := DefaultScheme.Generate(random)
	if err != nil || ValidateSecret(first) != nil {
		t.Fatalf("%s, %v, %v", first, err, ValidateSecret(first))
	}
	second, _ := DefaultScheme.Generate(random)
	if key, err := sharedKey(first); err != nil || len(key) != 32 || key[31] != 1 || first == second {
		t.Errorf("key % x, %v; then %s", key, err, second)
	}
	for _, short := range []io.Reader{iotest.ErrReader(io.ErrClosedPipe), strings.NewReader("too few bytes")} {
		if text, err := DefaultScheme.Generate(short); err == nil {
			t.Errorf("a secret %s without enough chance", text)
		}
	}
}
