package registration

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// SecretInput chooses a secret, or how one is to be generated.
type SecretInput struct {
	Secret          optional[string] `json:"secret"`
	SignatureScheme optional[string] `json:"signature_scheme"`
}

// CheckSecret refuses what cannot sign, or does not fit together. A secret that is given
// without a scheme determines its scheme by its form.
func (in *SecretInput) CheckSecret(f *jsonbody.Faults) {
	scheme := signing.Scheme(in.SignatureScheme.Value)
	if in.SignatureScheme.Set && !scheme.Known() {
		f.Add(invalid("signature_scheme", "must be "+schemeNames()))
		return
	}
	if !in.Secret.Given() {
		return
	}
	if err := signing.ValidateSecret(in.Secret.Value); err != nil {
		f.Add(invalid("secret", err.Error()))
		return
	}
	if secret := (signing.Secret{Value: in.Secret.Value}); in.SignatureScheme.Set && secret.Scheme() != scheme {
		f.Add(invalid("secret", fmt.Sprintf("is for the signature_scheme %s, not %s", secret.Scheme(), scheme)))
	}
}

// schemeNames returns the schemes that a webhook can sign with, for an error.
func schemeNames() string {
	var names []string
	for _, scheme := range signing.Schemes() {
		names = append(names, string(scheme))
	}
	return strings.Join(names, " or ")
}

// checkSameSecret refuses another secret than the endpoint's newest: only rotate-secret
// changes it, with an overlap. It reports whether the input has the newest one, which a
// client may send back as it was shown. The comparison takes the same time for every guess.
func (in *SecretInput) checkSameSecret(e *webhook.Endpoint, f *jsonbody.Faults) bool {
	if !in.Secret.Set {
		return false
	}
	same := len(e.Secrets) > 0 && subtle.ConstantTimeCompare([]byte(in.Secret.Value), []byte(e.Secrets[0].Value)) == 1
	if !same {
		f.Add(invalid("secret", "is changed by rotate-secret only"))
	}
	return same
}

// NewSecret returns the chosen secret, which CheckSecret let through, or generates one. It
// is of the scheme otherwise if the input has none.
func (in *SecretInput) NewSecret(otherwise signing.Scheme) (secret signing.Secret, err error) {
	scheme := otherwise
	if chosen := signing.Scheme(in.SignatureScheme.Value); chosen.Known() { // CheckSecret reports an unknown one
		scheme = chosen
	}
	if in.Secret.Given() {
		return signing.Secret{Value: in.Secret.Value}, nil
	}
	secret.Value, err = scheme.Generate(rand.Reader)
	return secret, err
}

// secretResource is what the API shows of an endpoint's secrets.
type secretResource struct {
	// SignatureScheme is that of the newest secret.
	SignatureScheme string `json:"signature_scheme"`
	// PublicKeys are those of the private keys that sign now, the newest first.
	PublicKeys []string `json:"public_keys,omitempty"`
	// Secret is shown only in the answer of the call that made it; a private key never.
	Secret string `json:"secret,omitzero"`
	// StandardSecret is the whsec_ form of a secret that is plain text.
	StandardSecret string `json:"standard_secret,omitzero"`
	// PreviousSecretExpiresAt is when the last of the rotated secrets stops signing.
	PreviousSecretExpiresAt string `json:"previous_secret_expires_at,omitzero"`
}

// showSecrets shows what is public of the secrets that are valid now.
func showSecrets(e *webhook.Endpoint, now time.Time) secretResource {
	r := secretResource{SignatureScheme: string(e.Scheme())}
	var last time.Time
	for _, secret := range e.Secrets {
		if !secret.Valid(now) {
			continue
		}
		if secret.ExpiresAt.After(last) {
			last = secret.ExpiresAt
		}
		if key := secret.PublicKey(); key != "" {
			r.PublicKeys = append(r.PublicKeys, key)
		}
	}
	r.PreviousSecretExpiresAt = jsonbody.Time(last)
	return r
}

// Reveal shows a new secret. It leaves a private key out: the receiver verifies with the
// public key, and whoever reads the answer could sign.
func (r *secretResource) Reveal(secret signing.Secret) {
	standard := secret.Standard()
	if standard == "" {
		return
	}
	r.Secret = secret.Value
	if standard != secret.Value {
		r.StandardSecret = standard
	}
}
