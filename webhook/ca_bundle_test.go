package webhook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

// newCertificate makes a self-signed certificate and its key, in PEM form.
func newCertificate(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyBytes}))
}

func TestParseCABundle(t *testing.T) {
	first, key := newCertificate(t, "first")
	second, _ := newCertificate(t, "second")
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no DER")}))
	for _, c := range []struct {
		name, text string
		names      string
	}{
		{"one", first, "first"},
		{"two, with text between", first + "\nAnother one:\n" + second, "first second"},
		{"the most", strings.Repeat(first, MaxCACertificates), strings.TrimSpace(strings.Repeat("first ", MaxCACertificates))},
		{"empty", "", ""},
		{"text only", "hello", ""},
		{"not a certificate", broken, ""},
		{"a private key", key, ""},
		{"a private key after a certificate", first + key, ""},
		{"too many", strings.Repeat(first, MaxCACertificates+1), ""},
		{"too large", first + strings.Repeat("x", MaxCABundle), ""},
	} {
		list, err := ParseCABundle(c.text)
		var names []string
		for _, certificate := range list {
			names = append(names, certificate.Subject.CommonName)
		}
		if got := strings.Join(names, " "); got != c.names || (err == nil) != (c.names != "") {
			t.Errorf("%s: got %q, %v", c.name, got, err)
		}
		var field *FieldError
		if err != nil && (!errors.As(err, &field) || field.Field != "ca_bundle") {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

// FuzzParseCABundle: a text that is let through has no more certificates than beginnings of PEM blocks, and an
// error repeats nothing of the text, in which a client may have pasted a key by mistake.
func FuzzParseCABundle(f *testing.F) {
	const frame = "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"
	for _, seed := range []string{"", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", frame, strings.Replace(frame, "%s", "AAAA", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseCABundle(text)
		if err == nil && (len(list) == 0 || len(list) > MaxCACertificates || len(list) > strings.Count(text, "-----BEGIN ")) {
			t.Fatalf("%d certificates in %q", len(list), text)
		}
		for word := range strings.FieldsSeq(text) {
			if err != nil && len(word) > 20 && strings.Contains(err.Error(), word) {
				t.Fatalf("the error repeats %q: %v", word, err)
			}
		}
	})
}
