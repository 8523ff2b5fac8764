package httpapi

import (
	"fmt"
	"strings"
)

// The scopes that count. Others are ignored: scopes add (RFC 6749, section 3.3).
const (
	// ScopeAdmin allows everything.
	ScopeAdmin = "admin"
	// ScopePublish allows a client to publish events for its own webhooks. Without
	// a client it allows nothing.
	ScopePublish = "events:write"
	// ScopePublishAll allows to publish events for every client's webhooks. It has a
	// name of its own, so that no missing or misread client_id can widen ScopePublish.
	ScopePublishAll = "events:write:all"
)

// maxClientID bounds the length of a client's name, in bytes.
const maxClientID = 128

// Principal is who makes a request, as its token or API key says. It is shared by requests and never changed.
type Principal struct {
	// ClientID is the client whose things the caller sees; "" for none, or of an administrator for all.
	ClientID string
	// Scopes are the token's or the key's.
	Scopes []string
	// Publisher names the caller as the publisher of events and the owner of idempotency keys.
	Publisher string

	// home is the client that an administrator's token names: where its webhooks are
	// registered when it names no other. It narrows nothing.
	home string
	// account is whose share of the server the caller's requests take: as Publisher,
	// but an administrator's own also when it acts for a client.
	account string
	// publisher and publisherAll are ScopePublish and ScopePublishAll.
	admin, publisher, publisherAll bool
}

// newPrincipal makes a principal of what its token or key says. publisher names
// one that belongs to no client.
func newPrincipal(clientID string, scopes []string, publisher string) (*Principal, error) {
	if clientID != "" && !validClientID(clientID) {
		return nil, fmt.Errorf("client_id %s", clientIDRule)
	}
	p := &Principal{ClientID: clientID, Scopes: scopes, Publisher: publisher}
	for _, scope := range p.Scopes {
		p.admin = p.admin || scope == ScopeAdmin
		p.publisher = p.publisher || scope == ScopePublish
		p.publisherAll = p.publisherAll || scope == ScopePublishAll
	}
	switch {
	case p.admin:
		p.ClientID, p.home = "", p.ClientID // it would narrow what the scope opens
	case p.ClientID != "":
		p.Publisher = "client:" + p.ClientID
	}
	p.account = p.Publisher
	return p, nil
}

// publishes reports whether the caller may publish events.
func (p *Principal) publishes() bool {
	return p.admin || p.publisherAll || p.publisher && p.ClientID != ""
}

// publishesToAll reports whether the caller may publish events to every client.
func (p *Principal) publishesToAll() bool { return p.publisherAll || p.admin && p.ClientID == "" }

// manages reports whether the caller may manage webhooks.
func (p *Principal) manages() bool { return p.admin || p.ClientID != "" }

// sees tells whether the caller may see what belongs to a client.
func (p *Principal) sees(clientID string) bool {
	if p.ClientID == "" {
		return p.admin
	}
	return p.ClientID == clientID && p.manages()
}

// as returns the caller narrowed to one client.
func (p *Principal) as(clientID string) *Principal {
	acting := *p
	acting.publisherAll = false
	acting.ClientID, acting.Publisher = clientID, "client:"+clientID
	return &acting
}

// clientIDRule is what a client's name must be.
const clientIDRule = "must be 1 to 128 printable ASCII characters without spaces"

func validClientID(id string) bool {
	if id == "" || len(id) > maxClientID {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
