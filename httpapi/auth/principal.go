package auth

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// ScopeRead takes away every call that changes something, whatever other scopes there
	// are. Alone it allows nothing.
	ScopeRead = "read"
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
	// Account is charged for the caller's requests. It equals Publisher, except that
	// an administrator who acts for a client keeps an account of its own: support
	// work must not use up the client's share.
	Account string

	// KeyID is the API key that the caller presented, or signed in with; "" for none.
	KeyID string
	// Until is when the token or API key expires; zero for never.
	Until time.Time
	// Session is the session that the caller presented; nil for a token or an API key.
	Session *webhook.Grant

	// publisher and publisherAll stand for ScopePublish and ScopePublishAll.
	admin, publisher, publisherAll, readOnly bool
	// subject is the publisher without regard to the client.
	subject string
}

// Anonymous is charged for calls by which somebody signs in: it may do nothing.
var Anonymous = &Principal{Publisher: "sign-in", Account: "sign-in"}

// newPrincipal returns the principal of a token or API key with this client and
// these scopes. publisher names a caller that belongs to no client.
func newPrincipal(clientID string, scopes []string, publisher string) (*Principal, error) {
	if clientID != "" && !ValidClientID(clientID) {
		return nil, fmt.Errorf("client_id %s", ClientIDRule)
	}
	p := &Principal{ClientID: clientID, Scopes: scopes, Publisher: publisher, subject: publisher}
	for _, scope := range p.Scopes {
		p.admin = p.admin || scope == ScopeAdmin
		p.publisher = p.publisher || scope == ScopePublish
		p.publisherAll = p.publisherAll || scope == ScopePublishAll
		p.readOnly = p.readOnly || scope == ScopeRead
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

// in returns the principal as the holder of a session.
func (p *Principal) in(session *webhook.Grant) *Principal {
	held := *p
	held.Session = session
	held.readOnly = p.readOnly || slices.Contains(session.Scopes, ScopeRead)
	return &held
}

// Grant returns a session that may do what the caller may, or only read: without ID, hash
// and times.
func (p *Principal) Grant(readOnly bool) webhook.Grant {
	g := webhook.Grant{
		Kind: webhook.GrantSession, KeyID: p.KeyID, ClientID: cmp.Or(p.ClientID, p.Home),
		Scopes: slices.Clone(p.Scopes), Subject: p.subject, MadeBy: p.By(),
	}
	if readOnly && !p.readOnly {
		g.Scopes = append(g.Scopes, ScopeRead)
	}
	return g
}

// By names the caller for people: "session:…", "key:…", "client:…" or "subject:…".
func (p *Principal) By() string {
	switch {
	case p.Session != nil:
		return "session:" + p.Session.ID
	case p.KeyID != "":
		return "key:" + p.KeyID
	case p.admin: // also one that acts for a client
		return p.subject
	}
	return p.Publisher
}

// ReadOnly reports whether the caller may make no call that changes something.
func (p *Principal) ReadOnly() bool { return p.readOnly }

// InPortal reports whether the caller came by a link that somebody made.
func (p *Principal) InPortal() bool { return p.Session != nil && p.Session.Parent != "" }

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
	// NeedSignIn admits everybody as Anonymous: the call itself judges a credential.
	NeedSignIn
	// NeedCaller admits every caller that may do anything at all, also to change what
	// belongs to nobody else.
	NeedCaller
	// NeedToken admits every caller that may do anything at all.
	NeedToken
	// NeedManage admits clients and administrators.
	NeedManage
	// NeedDelegate admits clients and administrators, unless somebody gave them access by a
	// link: they cannot give it further.
	NeedDelegate
	// NeedPublish admits those whose scopes let them publish, to one client or to all.
	NeedPublish
	// NeedAdmin admits administrators.
	NeedAdmin
	// NeedSecrets admits administrators who may do more than read, since the answer holds
	// all that the server knows.
	NeedSecrets
)

// Acts reports whether calls with the need are made by a caller, who may act for a client.
func (n Need) Acts() bool { return n > NeedSignIn }

// Permits reports whether the principal has what the need demands. If not, scope is
// the one that the caller should ask its issuer for.
func (n Need) Permits(p *Principal) (ok bool, scope string) {
	switch n {
	case NeedManage:
		return p.Manages(), ScopeAdmin
	case NeedDelegate:
		return p.Manages() && !p.InPortal(), ScopeAdmin
	case NeedPublish:
		if p.ClientID == "" {
			return p.Publishes(), ScopePublishAll
		}
		return p.Publishes(), ScopePublish
	case NeedAdmin:
		return p.admin, ScopeAdmin
	case NeedSecrets:
		return p.admin && !p.readOnly, ScopeAdmin
	}
	return p.Manages() || p.Publishes(), ScopeAdmin
}
