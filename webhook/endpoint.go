package webhook

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook/signing"
)

// Endpoint is a subscriber's registration: where its deliveries go, which
// events it gets, and within which limits.
type Endpoint struct {
	// ID carries the endpoint's number in ID.Endpoint.
	ID          ID
	ClientID    string
	EventTypes  []string // patterns, see MatchType
	TargetURL   string
	Description string
	// Secrets are the secrets that sign, newest first; older ones until they expire.
	Secrets        []signing.Secret
	Status         EndpointStatus
	DisabledReason string
	// DisabledAt is when the endpoint was disabled; zero while it is not.
	DisabledAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
	// DeletedAt is set when the endpoint was deleted. It stays stored, unseen by
	// its client's lists of endpoints, for as long as its deliveries are listed.
	DeletedAt time.Time
	// ExpiresAt is when the endpoint is deleted unless its lease is renewed before;
	// zero for one that stays.
	ExpiresAt time.Time
	// Revision counts the changes, from 1. Messages about an endpoint may
	// overtake each other; the larger revision is right.
	Revision uint64
	// ReceiverSince is the revision that changed the receiver last: its address, how
	// it is verified, or what it is sent to prove who sends. 0 for the first one.
	// What was learned of the receiver before is void.
	ReceiverSince uint64
	// GateSince is the revision since which the endpoint's gate counts: that of
	// ReceiverSince, or of a later resume.
	GateSince uint64
	Settings  Settings
	// Headers go out with every request, in this order; see CheckCustomHeaders.
	Headers []CustomHeader
	// CABundle verifies the receiver's certificate in place of the system's roots;
	// "" if those do. See ParseCABundle.
	CABundle string
	// Sealed stands for the values of Secrets and Headers inside storage; else zero.
	Sealed SealedValues
}

// Number is the endpoint's short internal name.
func (e *Endpoint) Number() EndpointNumber { return e.ID.Endpoint }

// Scheme is how the endpoint signs: that of its newest secret. Others may sign beside it.
func (e *Endpoint) Scheme() signing.Scheme {
	if len(e.Secrets) == 0 {
		return signing.DefaultScheme
	}
	return e.Secrets[0].Scheme()
}

// Deleted tells whether the endpoint was deleted.
func (e *Endpoint) Deleted() bool { return !e.DeletedAt.IsZero() }

// Sends tells whether deliveries of this endpoint may be attempted now.
func (e *Endpoint) Sends() bool { return !e.Deleted() && e.Status == EndpointActive }

// Delete marks the endpoint deleted. It signs nothing any more, and so forgets its
// secrets and headers.
func (e *Endpoint) Delete(at time.Time) {
	e.DeletedAt, e.Secrets, e.Headers = at, nil, nil
}

// Disable makes the endpoint accept nothing until it is resumed.
func (e *Endpoint) Disable(reason string, at time.Time) {
	e.Status, e.DisabledReason, e.DisabledAt = EndpointDisabled, reason, at
}

// Resume makes the endpoint active, whatever it was, with a fresh gate. The change
// becomes the endpoint's next revision.
func (e *Endpoint) Resume() {
	e.Status, e.DisabledReason, e.DisabledAt = EndpointActive, "", time.Time{}
	e.GateSince = e.Revision + 1
}

// ChangedFrom notes, in a change that becomes the endpoint's next revision, whether
// the receiver is another one than was's: then it begins with a fresh gate. Of the
// secrets only the newest counts: that older ones end changes nothing for the receiver.
func (e *Endpoint) ChangedFrom(was *Endpoint) {
	if e.TargetURL != was.TargetURL || e.CABundle != was.CABundle ||
		!slices.Equal(e.Headers, was.Headers) || e.newestSecret() != was.newestSecret() {
		e.ReceiverSince, e.GateSince = e.Revision+1, e.Revision+1
	}
}

func (e *Endpoint) newestSecret() string {
	if len(e.Secrets) == 0 {
		return ""
	}
	return e.Secrets[0].Value
}

// WithoutSecrets gives a copy in which no secret and no header has its value.
func (e Endpoint) WithoutSecrets() Endpoint {
	e.Secrets, e.Headers = slices.Clone(e.Secrets), slices.Clone(e.Headers)
	for i := range e.Secrets {
		e.Secrets[i].Value = ""
	}
	for i := range e.Headers {
		e.Headers[i].Value = ""
	}
	return e
}

// EndpointStatus says what an endpoint does with events.
type EndpointStatus string

// The statuses of an endpoint.
const (
	EndpointActive   EndpointStatus = "active"   // accepts and delivers
	EndpointPaused   EndpointStatus = "paused"   // accepts, and holds its deliveries
	EndpointDisabled EndpointStatus = "disabled" // holds what it has; what comes fails, and can be replayed
)
