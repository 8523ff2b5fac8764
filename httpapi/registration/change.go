package registration

import (
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// Change is a change of an endpoint as it is posted. It may contain what the API shows and
// only the server sets, so that a client can send back the resource that it was shown.
type Change struct {
	Input
	// Replace says that absent members are set back to their defaults (PUT).
	Replace bool
	shown   jsonbody.ReadOnly
}

// DecodeChange reads the body of PUT (replace) or PATCH.
func DecodeChange(body []byte, replace bool) (*Change, error) {
	c := &Change{Replace: replace}
	var err error
	c.shown, err = jsonbody.DecodeShown[Resource](body, &c.Input)
	return c, err
}

// Check refuses what can be judged without the endpoint; patterns are its event types.
func (c *Change) Check(r *Rules, patterns []string, f *jsonbody.Faults) {
	if c.Replace {
		c.required(f)
	}
	c.check(r, patterns, f)
}

// Apply changes the endpoint. target is the target URL in the form in which it is stored;
// it counts only if the input has one. The error says everything that is not allowed; the
// endpoint is then changed in part, and must not be stored.
func (c *Change) Apply(e *webhook.Endpoint, r *Rules, target string, now time.Time) error {
	var f jsonbody.Faults
	present := Show(e, r, now)
	if c.checkSameSecret(e, &f) {
		present.Reveal(e.Secrets[0])
	}
	c.shown.Check(present, &f)
	if c.Replace {
		headers := e.Headers
		reset(e)
		if _, named := c.shown["header_names"]; named {
			e.Headers = headers // the client was shown only their names: it cannot send them back
		}
	}
	if c.TargetURL.Given() {
		e.TargetURL = target
	}
	c.Input.Apply(e, r, now, &f)
	if c.SignatureScheme.Set && signing.Scheme(c.SignatureScheme.Value) != e.Scheme() {
		f.Add(invalid("signature_scheme", "is changed by rotate-secret only"))
	}
	return f.Err()
}
