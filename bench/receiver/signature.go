package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

// signatures are the headers that sign a delivery.
type signatures struct{ body, id, timestamp, standard string }

var errSignature = errors.New("signature does not match")

// verify computes both signatures itself. It does not use webhook/signing, so that one
// mistake cannot hide in both places.
func (s signatures) verify(secret string, body []byte) error {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	if s.body != hex.EncodeToString(mac.Sum(nil)) {
		return fmt.Errorf("X-Corp-Astro-Signature: %w", errSignature)
	}
	mac.Reset()
	fmt.Fprintf(mac, "%s.%s.%s", s.id, s.timestamp, body)
	if s.standard != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		return fmt.Errorf("webhook-signature: %w", errSignature)
	}
	return nil
}
