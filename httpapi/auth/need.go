package auth

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
