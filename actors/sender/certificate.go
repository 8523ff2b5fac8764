package sender

import (
	"bytes"
	"crypto/x509"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/corpastro/astrohook/actors/sender/detail"
)

// Bounds of the words on a certificate. The receiver chose its contents.
const (
	maxCertNames = 3
	maxCertText  = 64 // bytes of each name
)

// describe returns words on a certificate. The most important part comes first,
// because a detail is cut off at its bound.
func describe(cert *x509.Certificate, parts ...func(*x509.Certificate) string) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part(cert)
	}
	return "the certificate is " + strings.Join(texts, ", ")
}

// datesOf returns words on when a certificate is valid.
func datesOf(cert *x509.Certificate) string {
	return "valid from " + cert.NotBefore.UTC().Format(time.RFC3339) + " to " + cert.NotAfter.UTC().Format(time.RFC3339)
}

// namesOf returns words on the hosts that a certificate is for. It leaves addresses
// out, because they may belong to a private network.
func namesOf(cert *x509.Certificate) string {
	common := certText(cert.Subject.CommonName)
	switch names := cert.DNSNames; {
	case len(names) > 0:
		shown := make([]string, min(len(names), maxCertNames))
		for i := range shown {
			shown[i] = certText(names[i])
		}
		text := "for " + strings.Join(shown, ", ")
		if more := len(names) - len(shown); more > 0 {
			text += " and " + strconv.Itoa(more) + " more"
		}
		return text
	case common == "":
		return "for no host name"
	case cert.IsCA:
		return "that of the authority " + common
	}
	return "for no host name but the common name " + common + ", which does not count"
}

// issuerOf returns words on who signed a certificate.
func issuerOf(cert *x509.Certificate) string {
	if selfIssued(cert) {
		return "signed by itself"
	}
	issuer := cert.Issuer.CommonName
	if issuer == "" {
		issuer = strings.Join(cert.Issuer.Organization, " ")
	}
	if issuer = certText(issuer); issuer == "" {
		return "issued by an authority without a name"
	}
	return "issued by " + issuer
}

// selfIssued reports whether a certificate names itself as its issuer.
func selfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, cert.RawSubject) }

// certText returns a name from a certificate in printable form; "" if it is an
// address.
func certText(name string) string {
	name = detail.Printable([]byte(name), maxCertText)
	if _, err := netip.ParseAddr(name); err == nil {
		return ""
	}
	return name
}
