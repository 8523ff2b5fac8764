package auth

import (
	"errors"
	"fmt"
	"strings"

	"github.com/corpastro/astrohook/webhook"
)

// The scopes that have a meaning here. Others are ignored, because scopes add
// (RFC 6749, section 3.3) and an issuer may have other services in mind.
const (
	// ScopeAdmin allows everything.
	ScopeAdmin = "admin"
	// ScopePublish allows a client to publish events to its own webhooks. Without
	// a client it allows nothing.
	ScopePublish = "events:write"
	// ScopePublishAll allows its holder to publish events to every client's webhooks.
	// It has a name of its own, so that no missing or misread client_id can widen
	// ScopePublish.
	ScopePublishAll = "events:write:all"
)

// maxClientID bounds the length of a client's name, in bytes.
const maxClientID = 128

// Principal is the caller of a request, as its token or API key describes it.
// Concurrent requests share a principal, so its fields never change.
type Principal struct {
	// ClientID is the client whose data the caller sees. It is empty for a caller
	// without a client, and for an administrator, who sees the data of all clients.
	ClientID string
	// Scopes are those of the token or API key, unknown ones included.
	Scopes []string
	// Publisher names the caller as the publisher of events and the owner of
	// idempotency keys: "client:…", "subject:…" or "key:…".
	Publisher string
	// Home is the client that an administrator's token names. The administrator's
	// webhooks are registered there unless the request names another client. Home
	// narrows nothing.
	Home string
	// By names the credential: "subject:…" of a token, "key:…" of an API key; "client:…"
	// for a token of a client that names no subject. It stays when the caller acts for a
	// client.
	By string
	// Account is charged for the caller's requests. It equals Publisher, except that
	// an administrator who acts for a client keeps an account of its own: support
	// work must not use up the client's share.
	Account string

	// publisher and publisherAll stand for ScopePublish and ScopePublishAll.
	admin, publisher, publisherAll bool
}

// newPrincipal returns the principal of a token or API key with this client and
// these scopes. publisher names a caller that belongs to no client.
func newPrincipal(clientID string, scopes []string, publisher string) (*Principal, error) {
	if clientID != "" && !ValidClientID(clientID) {
		return nil, fmt.Errorf("client_id %s", ClientIDRule)
	}
	p := &Principal{ClientID: clientID, Scopes: scopes, Publisher: publisher, By: publisher}
	if publisher == "subject:" && clientID != "" {
		p.By = "client:" + clientID
	}
	for _, scope := range p.Scopes {
		p.admin = p.admin || scope == ScopeAdmin
		p.publisher = p.publisher || scope == ScopePublish
		p.publisherAll = p.publisherAll || scope == ScopePublishAll
	}
	switch {
	case p.admin:
		p.ClientID, p.Home = "", p.ClientID // ClientID would narrow what the scope opens
	case p.ClientID != "":
		p.Publisher = "client:" + p.ClientID
	}
	p.Account = p.Publisher
	return p, nil
}

// IsAdmin reports whether the caller has the scope admin.
func (p *Principal) IsAdmin() bool { return p.admin }

// Publishes reports whether the caller may publish events.
func (p *Principal) Publishes() bool {
	return p.admin || p.publisherAll || p.publisher && p.ClientID != ""
}

// PublishesToAll reports whether the caller may publish events to every client.
func (p *Principal) PublishesToAll() bool { return p.publisherAll || p.admin && p.ClientID == "" }

// PublishesToNobody reports whether the caller has the scope events:write and no
// client to publish to. Such a credential is most likely older than events:write:all.
func (p *Principal) PublishesToNobody() bool { return p.publisher && p.ClientID == "" }

// Manages reports whether the caller may manage webhooks.
func (p *Principal) Manages() bool { return p.admin || p.ClientID != "" }

// Sees reports whether the caller may see what belongs to a client.
func (p *Principal) Sees(clientID string) bool {
	if p.ClientID == "" {
		return p.admin
	}
	return p.ClientID == clientID && p.Manages()
}

// ErrOtherClient means that a request names a client that the caller may not act for.
var ErrOtherClient = errors.New("client_id is not the caller's own")

// ActingFor returns the principal that a request for this client acts as: an
// administrator, or a publisher to all, acts as the client; all others can name
// only their own client. Errors are a *webhook.FieldError for a malformed name, and
// ErrOtherClient.
func (p *Principal) ActingFor(clientID string) (*Principal, error) {
	switch {
	case !ValidClientID(clientID):
		return nil, &webhook.FieldError{Field: "client_id", Reason: ClientIDRule}
	case p.admin:
		return p.as(clientID), nil
	case clientID != p.ClientID:
		return nil, ErrOtherClient
	case p.publisherAll:
		return p.as(clientID), nil
	}
	return p, nil
}

// as returns the caller narrowed to one client. The account stays the caller's.
func (p *Principal) as(clientID string) *Principal {
	acting := *p
	acting.publisherAll = false
	acting.ClientID, acting.Publisher = clientID, "client:"+clientID
	return &acting
}

// ClientIDRule says what a client's name must be; an error's text continues with it
// after the field's name.
const ClientIDRule = "must be 1 to 128 printable ASCII characters without spaces"

// ValidClientID reports whether a text keeps ClientIDRule.
func ValidClientID(id string) bool {
	if id == "" || len(id) > maxClientID {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// Need says what a route demands of its caller.
type Need int

// The needs, from the weakest to the strongest.
const (
	// NeedNothing admits requests without a credential.
	NeedNothing Need = iota
	// NeedToken admits every caller that may do anything at all.
	NeedToken
	// NeedManage admits clients and administrators.
	NeedManage
	// NeedPublish admits those whose scopes let them publish, to one client or to all.
	NeedPublish
	// NeedAdmin admits administrators.
	NeedAdmin
)

// Permits reports whether the principal has what the need demands. If not, scope is
// the one that the caller should ask its issuer for.
func (n Need) Permits(p *Principal) (ok bool, scope string) {
	switch n {
	case NeedManage:
		return p.Manages(), ScopeAdmin
	case NeedPublish:
		if p.ClientID == "" {
			return p.Publishes(), ScopePublishAll
		}
		return p.Publishes(), ScopePublish
	case NeedAdmin:
		return p.admin, ScopeAdmin
	}
	return p.Manages() || p.Publishes(), ScopeAdmin
}
