package webhook

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// Bounds of an endpoint's own certificates.
const (
	// MaxCABundle is the size of the text, in bytes.
	MaxCABundle = 16 << 10
	// MaxCACertificates is how many there may be.
	MaxCACertificates = 20
)

// ParseCABundle parses PEM certificates (RFC 7468), at least one. It ignores text between
// them, and refuses other PEM blocks: a client that sends a private key should learn of it.
// The error is a *FieldError for the field ca_bundle, and repeats nothing of the text.
func ParseCABundle(text string) ([]*x509.Certificate, error) {
	if len(text) > MaxCABundle {
		return nil, wrongBundle(fmt.Sprintf("is larger than %d KiB", MaxCABundle>>10))
	}
	var list []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, wrongBundle("holds something else than certificates")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, wrongBundle(fmt.Sprintf("holds a certificate, number %d, that cannot be read", len(list)+1))
		}
		list = append(list, certificate)
	}
	switch {
	case len(list) == 0:
		return nil, wrongBundle("holds no certificate in PEM form")
	case len(list) > MaxCACertificates:
		return nil, wrongBundle(fmt.Sprintf("holds more than %d certificates", MaxCACertificates))
	}
	return list, nil
}

// wrongBundle returns the error of a bundle that ParseCABundle refuses.
func wrongBundle(reason string) error { return &FieldError{Field: "ca_bundle", Reason: reason} }
