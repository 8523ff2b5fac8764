package httpapi

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// secretInput chooses a secret, or how one is to be generated.
type secretInput struct {
	Secret          optional[string] `json:"secret"`
	SignatureScheme optional[string] `json:"signature_scheme"`
}

// checkSecret refuses what cannot be, or does not fit together. A secret given
// alone tells its scheme.
func (in *secretInput) checkSecret(f *faults) {
	scheme := webhook.Scheme(in.SignatureScheme.Value)
	if in.SignatureScheme.Set && scheme != webhook.SchemeHMAC && scheme != webhook.SchemeEd25519 {
		f.add(invalid("signature_scheme", "must be v1 or v1a"))
		return
	}
	if !in.Secret.Given() {
		return
	}
	if err := webhook.ValidateSecret(in.Secret.Value); err != nil {
		f.add(jsonbody.InField(err, "secret"))
		return
	}
	if secret := (webhook.Secret{Value: in.Secret.Value}); in.SignatureScheme.Set && secret.Scheme() != scheme {
		f.add(invalid("secret", fmt.Sprintf("is for the signature_scheme %s, not %s", secret.Scheme(), scheme)))
	}
}

// checkSameSecret refuses the change of a secret, which is rotate-secret's. The
// newest one itself may be sent back as it was shown; it reports whether it was.
func (in *secretInput) checkSameSecret(e *webhook.Endpoint, f *faults) bool {
	if !in.Secret.Set {
		return false
	}
	same := len(e.Secrets) > 0 && subtle.ConstantTimeCompare([]byte(in.Secret.Value), []byte(e.Secrets[0].Value)) == 1
	if !same {
		f.add(invalid("secret", "is changed by rotate-secret only"))
	}
	return same
}

// newSecret gives the chosen secret, which checkSecret let through, or generates
// one: of the other scheme if none is chosen.
func (in *secretInput) newSecret(otherwise webhook.Scheme) (secret webhook.Secret, err error) {
	scheme := otherwise
	if in.SignatureScheme.Set {
		scheme = webhook.Scheme(in.SignatureScheme.Value)
	}
	switch {
	case in.Secret.Given():
		secret.Value = in.Secret.Value
	case scheme == webhook.SchemeEd25519:
		secret.Value, err = webhook.GeneratePrivateKey(rand.Reader)
	default:
		secret.Value, err = webhook.GenerateSecret(rand.Reader)
	}
	return secret, err
}
