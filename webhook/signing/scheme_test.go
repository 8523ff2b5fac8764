package signing

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSchemeTable checks what the rest of the package relies on in every row of the table, so
// that a new scheme is judged by it before anything else.
func TestSchemeTable(t *testing.T) {
	if schemes[0].name != DefaultScheme || schemes[0].asymmetric() {
		t.Error("the first row takes secrets without a prefix: it must be the default scheme, with shared secrets")
	}
	prefixes := map[string]bool{}
	for _, s := range schemes {
		for _, prefix := range []string{s.secretPrefix, s.publicPrefix} {
			if prefix == "" {
				continue
			}
			if prefixes[prefix] || prefix != strings.ToLower(prefix) {
				t.Errorf("%s: the prefix %s is taken, or is not in lower case", s.name, prefix)
			}
			for other := range prefixes {
				if strings.HasPrefix(prefix, other) || strings.HasPrefix(other, prefix) {
					t.Errorf("%s: a text that begins with %s also begins with %s", s.name, prefix, other)
				}
			}
			prefixes[prefix] = true
		}
		if s.secretPrefix == "" || strings.ContainsAny(string(s.name), ", ") || !s.name.Known() {
			t.Errorf("%+v is not usable in a header", s.name)
		}
	}
	if names := Schemes(); len(names) != len(schemes) || names[0] != DefaultScheme || Scheme("v9").Known() || Scheme("").Known() {
		t.Errorf("schemes %v", names)
	}
}

// TestEveryScheme generates a secret of each scheme, signs with it and verifies with what a
// receiver has: all that a scheme must be able to do.
func TestEveryScheme(t *testing.T) {
	at := time.Unix(vectorSeconds, 0)
	for _, name := range Schemes() {
		value, err := name.Generate(rand.Reader)
		if err != nil {
			t.Fatal(name, err)
		}
		secret := Secret{Value: value}
		if err := ValidateSecret(value); err != nil || secret.Scheme() != name {
			t.Errorf("%s: a new secret is of the scheme %s, %v", name, secret.Scheme(), err)
		}
		v := Verifier{Secrets: []string{value}}
		if public := secret.PublicKey(); public != "" {
			v = Verifier{PublicKeys: []string{public}}
		}
		if asymmetric := name.find().asymmetric(); asymmetric != (secret.PublicKey() != "") || asymmetric != (secret.Standard() == "") {
			t.Errorf("%s: a receiver needs the public key %q and the secret %q", name, secret.PublicKey(), secret.Standard())
		}
		if _, ok := secret.JSONWebKey(); ok != (secret.PublicKey() != "") {
			t.Errorf("%s: a JSON web key: %v", name, ok)
		}
		for _, body := range []string{"", "{}", strings.Repeat("x", 100_000)} {
			signatures := string(newSigner(t, secret).AppendStandard(nil, at, "whd_1", []byte(body)))
			if !strings.HasPrefix(signatures, string(name)+",") {
				t.Errorf("%s: a signature begins with %.10s", name, signatures)
			}
			if _, err := v.Verify(signedHeaders("whd_1", at, signatures), []byte(body), at); err != nil {
				t.Errorf("%s: %d bytes: %v", name, len(body), err)
			}
			if _, err := v.Verify(signedHeaders("whd_2", at, signatures), []byte(body), at); err == nil {
				t.Errorf("%s: another delivery has the same signature", name)
			}
		}
	}
}

// TestGenerateUnknown: a name that is not in the table makes no secret of another scheme.
func TestGenerateUnknown(t *testing.T) {
	for _, name := range []Scheme{"", "v2", "V1", "v1,"} {
		if text, err := name.Generate(rand.Reader); err == nil || text != "" {
			t.Errorf("%q: %q, %v", name, text, err)
		}
	}
}

// TestGenerateNeverRepeats: all of a secret comes from random, and different bytes make
// different secrets.
func TestGenerateNeverRepeats(t *testing.T) {
	for _, name := range Schemes() {
		seen := map[string]bool{}
		for i := range 32 {
			random := bytes.Repeat([]byte{0}, 32)
			random[i] = 1
			text, err := name.Generate(bytes.NewReader(random))
			if err != nil || seen[text] {
				t.Errorf("%s: byte %d changes nothing: %v", name, i, err)
			}
			seen[text] = true
		}
	}
}

// TestManySecrets: as many secrets as an endpoint may have sign at a time, and a receiver with
// any one of them verifies.
func TestManySecrets(t *testing.T) {
	at := time.Unix(vectorSeconds, 0)
	var secrets []Secret
	for i := range MaxSecrets {
		value, err := Schemes()[i%len(schemes)].Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		secret := Secret{Value: value}
		if i > 0 {
			secret.ExpiresAt = at.Add(time.Hour)
		}
		secrets = append(secrets, secret)
	}
	signatures := string(newSigner(t, secrets...).AppendStandard(nil, at, vectorID, []byte(vectorBody)))
	if n := len(strings.Fields(signatures)); n != MaxSecrets {
		t.Fatalf("%d signatures", n)
	}
	for i, secret := range secrets {
		v := Verifier{Secrets: []string{secret.Value}}
		if public := secret.PublicKey(); public != "" {
			v = Verifier{PublicKeys: []string{public}}
		}
		if _, err := v.Verify(signedHeaders(vectorID, at, signatures), []byte(vectorBody), at); err != nil {
			t.Errorf("secret %d: %v", i, err)
		}
	}
}

// TestErrorsShowNoSecret: whatever is wrong with a secret or a key, the error can be logged.
func TestErrorsShowNoSecret(t *testing.T) {
	const part = "MfKQ9r8GKYqrTwjU"
	for _, text := range []string{
		"whsec_" + part, "whsec_" + part + "!", " whsec_" + part, "WHSEC_" + part + part, "v1," + part + part, "v1a," + part,
		"whsk_" + part, "whpk_" + part, part + "\x00", part + "\xff", strings.Repeat(part, 20), part[:9],
	} {
		_, newErr := NewSigner([]Secret{{Value: text}})
		_, _, sharedErr := parseShared(text)
		_, _, publicErr := parsePublic(text)
		errs := []error{ValidateSecret(text), newErr, sharedErr, publicErr}
		if !slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
			t.Errorf("%q is right for everything", text)
		}
		for _, err := range errs {
			if err != nil && strings.Contains(err.Error(), part[:9]) {
				t.Errorf("%q: the error shows it: %v", text, err)
			}
		}
	}
}

// FuzzValidateSecret: what may be a new secret signs, and a receiver with it, or with its public
// key, verifies.
func FuzzValidateSecret(f *testing.F) {
	for _, text := range []string{vectorSecret, vectorPrivate, vectorPublic, plainSecret, "whsec_AAAA", "v1," + vectorSecret, "WHSK_", "", "ſecret ſecret ſecret"} {
		f.Add(text)
	}
	at, body := time.Unix(vectorSeconds, 0), []byte(vectorBody)
	f.Fuzz(func(t *testing.T, text string) {
		if ValidateSecret(text) != nil {
			return
		}
		secret := Secret{Value: text}
		signer, err := NewSigner([]Secret{secret})
		if err != nil {
			t.Fatalf("%q is a secret and does not sign: %v", text, err)
		}
		v := Verifier{Secrets: []string{text}}
		if public := secret.PublicKey(); public != "" {
			v = Verifier{PublicKeys: []string{public}}
		}
		signatures := string(signer.AppendStandard(nil, at, vectorID, body))
		if _, err := v.Verify(signedHeaders(vectorID, at, signatures), body, at); err != nil {
			t.Fatalf("%q: %s: %v", text, signatures, err)
		}
		if standard := secret.Standard(); standard != "" {
			v := Verifier{Secrets: []string{standard}}
			if _, err := v.Verify(signedHeaders(vectorID, at, signatures), body, at); err != nil {
				t.Fatalf("%q as %q: %v", text, standard, err)
			}
		}
	})
}

// FuzzVerify: a header from outside never makes a Verifier panic, and nothing but the right
// signature passes.
func FuzzVerify(f *testing.F) {
	f.Add(vectorID, "1614265330", vectorSignature, vectorBody)
	f.Add(vectorID, "1614265330", vectorPrivateSignature+" "+vectorSignature, vectorBody)
	f.Add("", "-1", "v1, v1a, ,v1,,", "")
	f.Add("a.b", "99999999999999999999", strings.Repeat("v1a,x ", 20), "{}")
	v := Verifier{Secrets: []string{vectorSecret}, PublicKeys: []string{vectorPublic}}
	at := time.Unix(vectorSeconds, 0)
	signer, err := NewSigner([]Secret{{Value: vectorSecret}, {Value: vectorPrivate}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, seconds, signatures, body string) {
		header := func(name string) string {
			return map[string]string{HeaderID: id, HeaderTimestamp: seconds, HeaderSignature: signatures}[name]
		}
		message, err := v.Verify(header, []byte(body), at)
		if err != nil {
			return
		}
		right := strings.Fields(string(signer.AppendStandard(nil, message.SentAt, id, []byte(body))))
		given := strings.Fields(signatures)
		if !slices.Contains(given, right[0]) && !slices.Contains(given, right[1]) {
			t.Fatalf("%q passes for %s", signatures, fmt.Sprint(right))
		}
	})
}
