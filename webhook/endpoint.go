package webhook

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook/signing"
)

// Endpoint is a subscriber's registration: where its deliveries go, which
// events it gets, and within which limits.
type Endpoint struct {
	// ID contains the endpoint's number: ID.Endpoint.
	ID          ID
	ClientID    string
	EventTypes  []string // patterns, see MatchType
	TargetURL   string
	Description string
	// Secrets sign, the newest first; the older ones until they expire.
	Secrets        []signing.Secret
	Status         EndpointStatus
	DisabledReason string
	// DisabledAt is when the endpoint was disabled; zero while it is not.
	DisabledAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
	// DeletedAt is when the endpoint was deleted; zero while it is not. A deleted endpoint
	// stays in storage for as long as its deliveries are listed; lists of endpoints leave
	// it out.
	DeletedAt time.Time
	// ExpiresAt is when the server deletes the endpoint unless its lease is renewed
	// before; zero for an endpoint without a lease.
	ExpiresAt time.Time
	// Revision counts the changes, from 1. Messages about an endpoint may overtake each
	// other; the one with the larger revision is right.
	Revision uint64
	// ReceiverSince is the revision that changed the receiver last: its address, how
	// it is verified, or what proves to it who sends. It is 0 until the first change.
	// Health and latencies from before that revision are void.
	ReceiverSince uint64
	// GateSince is the revision at which the endpoint's gate began afresh: ReceiverSince,
	// or that of a later resume.
	GateSince uint64
	Settings  Settings
	// Headers go out with every request, in this order; see CheckCustomHeaders.
	Headers []CustomHeader
	// CABundle verifies the receiver's certificate in place of the system's roots;
	// "" if those do. See ParseCABundle.
	CABundle string
	// Sealed stands for the values of Secrets and Headers inside storage; it is zero
	// everywhere else.
	Sealed SealedValues
}

// Number returns the endpoint's short internal name.
func (e *Endpoint) Number() EndpointNumber { return e.ID.Endpoint }

// Scheme returns the scheme of the endpoint's newest secret. During a rotation older
// secrets may sign with other schemes as well.
func (e *Endpoint) Scheme() signing.Scheme {
	if len(e.Secrets) == 0 {
		return signing.DefaultScheme
	}
	return e.Secrets[0].Scheme()
}

// Deleted reports whether the endpoint was deleted.
func (e *Endpoint) Deleted() bool { return !e.DeletedAt.IsZero() }

// Sends reports whether deliveries of this endpoint may be attempted now.
func (e *Endpoint) Sends() bool { return !e.Deleted() && e.Status == EndpointActive }

// Delete marks the endpoint deleted. It drops secrets and headers: a deleted endpoint
// sends nothing, so keeping credentials would be a risk without a use.
func (e *Endpoint) Delete(at time.Time) {
	e.DeletedAt, e.Secrets, e.Headers = at, nil, nil
}

// Disable makes new deliveries of the endpoint fail until it is resumed.
func (e *Endpoint) Disable(reason string, at time.Time) {
	e.Status, e.DisabledReason, e.DisabledAt = EndpointDisabled, reason, at
}

// Resume makes the endpoint active, whatever its status is, with a fresh gate: whoever
// resumes an endpoint has mended it, and need not wait for an open breaker. The change
// becomes the endpoint's next revision.
func (e *Endpoint) Resume() {
	e.Status, e.DisabledReason, e.DisabledAt = EndpointActive, "", time.Time{}
	e.GateSince = e.Revision + 1
}

// ChangedFrom begins a fresh gate if the endpoint's receiver differs from that of was,
// in a change that becomes the endpoint's next revision. Only the newest secret counts:
// the expiry of an older one changes nothing for the receiver.
func (e *Endpoint) ChangedFrom(was *Endpoint) {
	if e.TargetURL != was.TargetURL || e.CABundle != was.CABundle ||
		!slices.Equal(e.Headers, was.Headers) || e.newestSecret() != was.newestSecret() {
		e.ReceiverSince, e.GateSince = e.Revision+1, e.Revision+1
	}
}

// newestSecret returns the text of the secret that signs from now on; "" if there is none.
func (e *Endpoint) newestSecret() string {
	if len(e.Secrets) == 0 {
		return ""
	}
	return e.Secrets[0].Value
}

// WithoutSecrets returns a copy in which secrets and headers have no values. Whoever logs
// or lists endpoints gets this copy.
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

// EndpointStatus is what an endpoint does with events.
type EndpointStatus string

// Statuses of an endpoint.
const (
	EndpointActive   EndpointStatus = "active"   // accepts and delivers
	EndpointPaused   EndpointStatus = "paused"   // accepts, and holds its deliveries
	EndpointDisabled EndpointStatus = "disabled" // holds what it has; new deliveries fail, and can be replayed
)

// EndpointQuery selects registered endpoints by what is in memory of all of them, newest
// first.
type EndpointQuery struct {
	ClientID  string         // "" for every client
	Status    EndpointStatus // "" for every status
	EventType string         // one that a pattern of the endpoint matches; "" for all
	Before    EndpointNumber // continues after this endpoint; 0 for the newest
	// Looks bounds the endpoints that are looked at, and Limit those that are returned, both
	// at least 1.
	Looks, Limit int
}

// EndpointNumbers is what an EndpointQuery selects.
type EndpointNumbers struct {
	Numbers []EndpointNumber
	// Next is the Before of the next query; 0 at the end.
	Next EndpointNumber
}
