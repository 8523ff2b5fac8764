package registration

import (
	"fmt"
	"slices"
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// How long the secrets before a rotation stay valid, unless the input or the operator says
// otherwise, and at the longest.
const (
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 7 * 24 * time.Hour
)

// RotationInput asks for a new secret.
type RotationInput struct {
	SecretInput
	OverlapSeconds optional[int64] `json:"overlap_seconds"`
}

// Check refuses a bad secret or overlap. It returns for how long the secrets before the
// rotation stay valid: the seconds that the input has, or a day, or as long as the operator
// allows if that is less.
func (in *RotationInput) Check(most *webhook.Ceilings, f *jsonbody.Faults) (overlap time.Duration) {
	b := bounds[int64]{field: "overlap_seconds", low: 0, high: int64(maxOverlap / time.Second)}.
		most(int64(most.Overlap/time.Second), "max-webhook-overlap")
	seconds := int(min(int64(defaultOverlap/time.Second), b.high))
	if in.OverlapSeconds.Given() {
		whole(f, in.OverlapSeconds, b, &seconds)
	}
	in.CheckSecret(f)
	return time.Duration(seconds) * time.Second
}

// TooManySecretsError reports that a rotation would make more secrets valid at a time than
// an endpoint may have.
type TooManySecretsError struct {
	// Valid counts the secrets that are valid without the new one.
	Valid int
	// Until is when the first of them expires, other than by another rotation.
	Until time.Time
}

// Error says what the client can do: the answer shows it as it is.
func (e *TooManySecretsError) Error() string {
	return fmt.Sprintf("%d secrets are valid still; rotate again when the first has expired, at %s", e.Valid, webhook.FormatTime(e.Until))
}

// Rotate makes secret the endpoint's newest one. The previous one expires after the overlap,
// and secrets that have expired already are removed. Without an overlap all others end now,
// also those of earlier rotations: a secret has leaked, and the client wants only the new
// one to be valid. If more secrets than allowed were valid, Rotate refuses rather than
// dropping the oldest: its client was told until when it is good.
func Rotate(e *webhook.Endpoint, secret signing.Secret, now time.Time, overlap time.Duration, most *webhook.Ceilings) error {
	kept := []signing.Secret{secret}
	for _, old := range e.Secrets {
		if overlap == 0 {
			old.ExpiresAt = now
		}
		if old.ExpiresAt.IsZero() {
			old.ExpiresAt = now.Add(overlap)
		}
		if old.Valid(now) {
			kept = append(kept, old)
		}
	}
	if len(kept) > maxSecrets(most) {
		first := slices.MinFunc(kept[2:], func(a, b signing.Secret) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
		return &TooManySecretsError{Valid: len(kept) - 1, Until: first.ExpiresAt}
	}
	if slices.ContainsFunc(kept[1:], func(old signing.Secret) bool { return old.Value == secret.Value }) {
		return invalid("secret", "is in use already")
	}
	e.Secrets = kept
	return nil
}

// maxSecrets returns how many secrets of an endpoint can be valid at a time. Two are always
// allowed: with fewer, no secret could be rotated with an overlap.
func maxSecrets(most *webhook.Ceilings) int {
	if most.Secrets > 0 {
		return min(max(2, most.Secrets), signing.MaxSecrets)
	}
	return signing.MaxSecrets
}
