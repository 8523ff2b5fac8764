package httpapi

import (
	"fmt"
	"strings"
)

// The scopes that count.
const (
	// ScopeAdmin allows everything.
	ScopeAdmin = "admin"
	// ScopePublish allows to publish events.
	ScopePublish = "events:write"
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

	// account is whose share of the server the caller's requests take: as Publisher,
	// but an administrator's own also when it acts for a client.
	account string

	admin, publisher bool
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
	}
	switch {
	case p.admin:
		p.ClientID = "" // it would narrow what the scope opens
	case p.ClientID != "":
		p.Publisher = "client:" + p.ClientID
	}
	p.account = p.Publisher
	return p, nil
}

// publishes tells whether the caller may publish events.
func (p *Principal) publishes() bool { return p.admin || p.publisher }

// manages tells whether the caller may manage endpoints. A client's token that is
// narrowed to scopes we do not know is not a token without scopes.
func (p *Principal) manages() bool {
	return p.admin || p.ClientID != "" && (p.publisher || len(p.Scopes) == 0)
}

// sees tells whether the caller may see what belongs to a client.
func (p *Principal) sees(clientID string) bool {
	if p.ClientID == "" {
		return p.admin
	}
	return p.ClientID == clientID && p.manages()
}

// as gives an administrator the eyes of one client.
func (p *Principal) as(clientID string) *Principal {
	acting := *p
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
