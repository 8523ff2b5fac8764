package sender

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"

	"github.com/corpastro/astrohook/webhook"
)

// originKey is where connections lead, and whom they trust: scheme, host and
// port (RFC 6454), and the certificates that an endpoint has of its own.
type originKey struct {
	secure   bool
	host     string
	port     uint16
	caBundle string
}

// origin is a site as one endpoint sees it: with the account of the endpoint's client.
type origin struct {
	*site
	owner *idleOwner
}

// site is what the endpoints with one originKey have in common: their idle
// connections, and the rules of TLS. It lives as long as one of them is open.
type site struct {
	key originKey
	tls *tls.Config
	// family is the address family that connected last.
	family atomic.Int32

	// Guarded by the idle pool.
	targets int // open ones
	maxIdle int // the sum of what these may have
	idle    idleList
}

func newSite(key originKey, rules *tls.Config) *site {
	return &site{key: key, tls: rules, idle: idleList{place: inOrigin}}
}

// trust gives the rules of TLS under a CA bundle, the client's own if it is empty.
// An origin with a bundle gets sessions of its own too: resuming one that was begun
// under other certificates would verify nothing.
func (c *Client) trust(bundle string) (*tls.Config, error) {
	if bundle == "" {
		return c.tls, nil
	}
	certificates, err := webhook.ParseCABundle(bundle)
	if err != nil {
		return nil, err
	}
	own := c.tls.Clone()
	own.RootCAs = x509.NewCertPool()
	for _, certificate := range certificates {
		own.RootCAs.AddCert(certificate)
	}
	own.ClientSessionCache = tls.NewLRUClientSessionCache(ownSessions)
	return own, nil
}
