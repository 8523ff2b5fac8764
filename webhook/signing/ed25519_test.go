package signing

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// The key pair and the signature that Svix's server, where Standard Webhooks comes
// from, checks itself with (test_asymmetric_key_signing). The signature is also the
// specification's example of a v1a signature. Id, time and body are vectorID and so on.
const (
	vectorPrivate          = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	vectorPublic           = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	vectorPrivateSignature = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

func TestEd25519Vector(t *testing.T) {
	s := newSigner(t, Secret{Value: vectorPrivate})
	for range 3 { // the memory is used again
		got := s.AppendStandard([]byte("before"), time.Unix(vectorSeconds, 5e8), vectorID, []byte(vectorBody))
		if string(got) != "before"+vectorPrivateSignature {
			t.Fatalf("got %s, want %s", got, vectorPrivateSignature)
		}
	}
	if got := (Secret{Value: vectorPrivate}).PublicKey(); got != vectorPublic {
		t.Errorf("public key %s, want %s", got, vectorPublic)
	}
}

// TestChangeOfScheme: while both are valid both sign, and the hex signature is made
// with the newest secret that the receiver has too.
func TestChangeOfScheme(t *testing.T) {
	end := time.Unix(vectorSeconds, 0).Add(time.Hour)
	shared, private := Secret{Value: vectorSecret}, Secret{Value: vectorPrivate}
	until := func(s Secret) Secret { s.ExpiresAt = end; return s }
	at := time.Unix(vectorSeconds, 0)
	for _, c := range []struct {
		why     string
		secrets []Secret
		at      time.Time
		want    string
		hex     bool
	}{
		{"shared only", []Secret{shared}, at, vectorSignature, true},
		{"private only", []Secret{private}, at, vectorPrivateSignature, false},
		{"from shared to private, within", []Secret{private, until(shared)}, at, vectorPrivateSignature + " " + vectorSignature, true},
		{"from private to shared, within", []Secret{shared, until(private)}, at, vectorSignature + " " + vectorPrivateSignature, true},
		{"from shared to private, after", []Secret{private, until(shared)}, end, "v1a,", false},
		{"from private to shared, after", []Secret{shared, until(private)}, end, "v1,", true},
	} {
		s := newSigner(t, c.secrets...)
		got := string(s.AppendStandard(nil, c.at, vectorID, []byte(vectorBody)))
		if c.at == at && got != c.want || !strings.HasPrefix(got, c.want) || c.at == end && strings.Contains(got, " ") {
			t.Errorf("%s: got %s, want %s", c.why, got, c.want)
		}
		sum := string(s.AppendHex(nil, c.at, []byte(vectorBody)))
		if s.SignsHex(c.at) != c.hex || (sum != "") != c.hex {
			t.Errorf("%s: hex signature %q, want one: %v", c.why, sum, c.hex)
		}
		if c.hex && sum != string(newSigner(t, shared).AppendHex(nil, c.at, []byte(vectorBody))) {
			t.Errorf("%s: the hex signature is not the shared secret's", c.why)
		}
	}
}

// TestPrivateKeyMessage: what one signature leaves behind does not get into the next.
func TestPrivateKeyMessage(t *testing.T) {
	s, at := newSigner(t, Secret{Value: vectorPrivate}, Secret{Value: vectorSecret}), time.Unix(vectorSeconds, 0)
	v := Verifier{PublicKeys: []string{vectorPublic}}
	for _, size := range []int{0, 1, 3 << 10, maxPooledMessage + 1, 7, 0} {
		body := bytes.Repeat([]byte{'x'}, size)
		headers := signedHeaders("whd_1", at, string(s.AppendStandard(nil, at, "whd_1", body)))
		if _, err := v.Verify(headers, body, at); err != nil {
			t.Errorf("body of %d bytes: %v", size, err)
		}
	}
	if kept := messages.Get().(*message); cap(kept.text) > maxPooledMessage {
		t.Errorf("%d bytes are kept", cap(kept.text))
	}
}

// signedHeaders returns the headers of a signed request by name.
func signedHeaders(id string, at time.Time, signatures string) func(string) string {
	return func(name string) string {
		return map[string]string{
			HeaderID: id, HeaderTimestamp: strconv.FormatInt(at.Unix(), 10), HeaderSignature: signatures,
		}[name]
	}
}

func TestVerifyPublicKey(t *testing.T) {
	at := time.Unix(vectorSeconds, 0)
	otherPrivate, err := SchemeEd25519.Generate(bytes.NewReader(bytes.Repeat([]byte{7}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	otherPublic := Secret{Value: otherPrivate}.PublicKey()
	other := string(newSigner(t, Secret{Value: otherPrivate}).AppendStandard(nil, at, vectorID, []byte(vectorBody)))
	right, flipped := []string{vectorPublic}, strings.Replace(vectorPrivateSignature, "hnO3", "hnO4", 1)
	for _, c := range []struct {
		why, signatures, body string
		v                     Verifier
		refusal               error
	}{
		{"as it was signed", vectorPrivateSignature, vectorBody, Verifier{PublicKeys: right}, nil},
		{"one of several signatures", "v2,x " + other + " " + vectorSignature + " " + vectorPrivateSignature, vectorBody, Verifier{PublicKeys: right}, nil},
		{"one of several keys", vectorPrivateSignature, vectorBody, Verifier{PublicKeys: []string{otherPublic, vectorPublic}}, nil},
		{"either scheme will do", vectorPrivateSignature, vectorBody, Verifier{PublicKeys: right, Secrets: []string{plainSecret}}, nil},
		{"either scheme will do, the other way", vectorSignature, vectorBody, Verifier{PublicKeys: []string{otherPublic}, Secrets: []string{vectorSecret}}, nil},
		{"the body was changed", vectorPrivateSignature, vectorBody + " ", Verifier{PublicKeys: right}, ErrBadSignature},
		{"of another key", other, vectorBody, Verifier{PublicKeys: right}, ErrBadSignature},
		{"a changed signature", flipped, vectorBody, Verifier{PublicKeys: right}, ErrBadSignature},
		{"part of a signature", vectorPrivateSignature[:44], vectorBody, Verifier{PublicKeys: right}, ErrBadSignature},
		{"an empty signature", "v1a,", vectorBody, Verifier{PublicKeys: right}, ErrBadSignature},
		{"without padding", strings.TrimRight(vectorPrivateSignature, "="), vectorBody, Verifier{PublicKeys: right}, ErrBadSignature},
		{"not base64", "v1a,???", vectorBody, Verifier{PublicKeys: right}, ErrBadSignature},
		{"of the other scheme only", vectorSignature, vectorBody, Verifier{PublicKeys: right}, ErrMalformedSignature},
		{"under the other scheme's name", "v1," + vectorPrivateSignature[4:], vectorBody, Verifier{PublicKeys: right, Secrets: []string{vectorSecret}}, ErrBadSignature},
		{"more signatures than are ever made", strings.Repeat(other+" ", MaxSecrets) + vectorPrivateSignature, vectorBody, Verifier{PublicKeys: right}, ErrMalformedSignature},
		{"no key", vectorPrivateSignature, vectorBody, Verifier{}, ErrNoSecret},
	} {
		_, err := c.v.Verify(signedHeaders(vectorID, at, c.signatures), []byte(c.body), at)
		if !errors.Is(err, c.refusal) || c.refusal == nil && err != nil {
			t.Errorf("%s: got %v, want %v", c.why, err, c.refusal)
		}
	}
}

// TestPublicKeyIsNoSecret: who knows a public key, and everybody may, cannot sign with it.
func TestPublicKeyIsNoSecret(t *testing.T) {
	at, body := time.Unix(vectorSeconds, 0), []byte(vectorBody)
	message := append(appendHead(nil, vectorID, vectorSeconds), body...)
	raw, err := encoding.DecodeString(strings.TrimPrefix(vectorPublic, whpk))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range [][]byte{[]byte(vectorPublic), raw} {
		forged := "v1," + base64.StdEncoding.EncodeToString(hmacSum(key, message))
		for _, v := range []Verifier{
			{PublicKeys: []string{vectorPublic}},
			{Secrets: []string{vectorPublic}},
			{Secrets: []string{plainSecret}, PublicKeys: []string{vectorPublic}},
		} {
			if _, err := v.Verify(signedHeaders(vectorID, at, forged), body, at); err == nil {
				t.Errorf("%+v took an HMAC with the public key", v)
			}
		}
	}
	header := func(string) string { return hex.EncodeToString(hmacSum([]byte(vectorPublic), body)) }
	for _, v := range []Verifier{{Secrets: []string{vectorPublic}}, {PublicKeys: []string{vectorPublic}}} {
		if err := v.VerifyHex(header, body); err == nil {
			t.Errorf("%+v took a hex HMAC with the public key", v)
		}
	}
	if _, err := NewSigner([]Secret{{Value: vectorPublic}}); err == nil {
		t.Error("a signer with a public key as secret")
	}
}

func TestVerifyNamesTheBadKey(t *testing.T) {
	at := time.Unix(vectorSeconds, 0)
	for _, c := range []struct {
		v    Verifier
		want string
	}{
		{Verifier{PublicKeys: []string{vectorPublic, "whpk_?"}}, "public key 2 of 2 is not the base64 of 32 bytes after whpk_"},
		{Verifier{PublicKeys: []string{vectorPublic, vectorPrivate}}, "public key 2 of 2 does not begin with whpk_"},
		{Verifier{Secrets: []string{vectorPrivate}}, "secret 1 of 1 is a private key"},
		{Verifier{Secrets: []string{vectorPublic}}, "secret 1 of 1 is a public key"},
	} {
		signatures := "v1,x v1a," + strings.Repeat("A", 86) + "=="
		_, err := c.v.Verify(signedHeaders(vectorID, at, signatures), []byte(vectorBody), at)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "?") || strings.Contains(err.Error(), vectorPrivate[5:20]) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestValidatePrivateKey(t *testing.T) {
	key, err := decodePrivateKey(vectorPrivate)
	if err != nil {
		t.Fatal(err)
	}
	text := func(raw []byte) string { return "whsk_" + base64.StdEncoding.EncodeToString(raw) }
	another := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	const form, apart = "is not the base64 of 64 bytes, a seed and its public key, after whsk_", "has a seed and a public key that do not belong together"
	for _, c := range []struct{ why, text, refusal string }{
		{"a key", vectorPrivate, ""},
		{"the seed alone", text(key.Seed()), form},
		{"a byte too many", text(append(bytes.Clone(key), 0)), form},
		{"not base64", "whsk_!!!!!!!!!!!!!!!!", form},
		{"base64 without padding", strings.TrimRight(vectorPrivate, "="), form},
		{"base64 of another alphabet", strings.ReplaceAll(vectorPrivate, "/", "_"), form},
		{"nothing", "whsk_           ", form},
		{"the public key of another", text(append(bytes.Clone(key[:32]), another[32:]...)), apart},
		{"the public key twice", text(append(bytes.Clone(key[32:]), key[32:]...)), apart},
		{"the public key", vectorPublic, "is a public key (whpk_)"},
		{"the prefix in other casing", "WHSK_!!!!!!!!!!!!", "begins with whsk_ in another casing"},
	} {
		err := ValidateSecret(c.text)
		switch {
		case c.refusal == "" && err != nil:
			t.Errorf("%s: %v", c.why, err)
		case c.refusal != "" && (err == nil || err.Error() != c.refusal):
			t.Errorf("%s: got %v, want %s", c.why, err, c.refusal)
		}
		if strings.HasPrefix(c.refusal, form) && (Secret{Value: c.text}).PublicKey() != "" {
			t.Errorf("%s: has a public key", c.why)
		}
	}
	if (Secret{Value: vectorSecret}).PublicKey() != "" || (Secret{Value: vectorSecret}).Scheme() != SchemeHMAC {
		t.Error("a shared secret has a public key")
	}
}

func TestGeneratePrivateKey(t *testing.T) {
	random := bytes.NewReader(bytes.Repeat([]byte{0xfb}, 2*ed25519.SeedSize-1))
	text, err := SchemeEd25519.Generate(random)
	if err != nil || ValidateSecret(text) != nil || (Secret{Value: text}).Scheme() != SchemeEd25519 {
		t.Fatalf("%s, %v, %v", text, err, ValidateSecret(text))
	}
	for _, short := range []io.Reader{random, iotest.ErrReader(io.ErrClosedPipe)} {
		if text, err := SchemeEd25519.Generate(short); err == nil {
			t.Errorf("a private key %s without enough chance", text)
		}
	}
}

// TestJSONWebKey has the key of RFC 8037, appendices A.2 and A.3.
func TestJSONWebKey(t *testing.T) {
	const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	raw, err := base64.RawURLEncoding.DecodeString(x)
	if err != nil {
		t.Fatal(err)
	}
	want := JSONWebKey{"OKP", "Ed25519", x, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "sig", "EdDSA"}
	if got := ed25519PublicKey(raw).jwk(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	key, ok := Secret{Value: vectorPrivate}.JSONWebKey()
	if public := (Secret{Value: vectorPrivate}).PublicKey(); !ok || public != whpk+base64.StdEncoding.EncodeToString(must(base64.RawURLEncoding.DecodeString(key.X))) {
		t.Errorf("%+v and %s are different keys", key, public)
	}
	for _, text := range []string{vectorSecret, plainSecret, "whsk_?"} {
		if key, ok := (Secret{Value: text}).JSONWebKey(); ok {
			t.Errorf("%s has the public key %+v", text, key)
		}
	}
}

// must returns the value of a call that cannot fail here.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
