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
