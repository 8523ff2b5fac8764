package sender

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"

	"github.com/corpastro/astrohook/webhook"
)

// originKey decides which endpoints share connections: those with the same scheme,
// host and port (RFC 6454) and the same CA bundle. With another bundle a connection
// would be verified under rules that its user did not choose.
type originKey struct {
	secure   bool
	host     string
	port     uint16
	caBundle string
}

// origin is a site together with the client for which its connections count.
type origin struct {
	*site
	owner *idleOwner
}

// site has what all endpoints with one originKey share: idle connections, and the
// rules of TLS. It lives as long as one of the endpoints has an open target.
type site struct {
	key originKey
	tls *tls.Config
	// family is the address family that connected last, 4 or 6; 0 before that.
	family atomic.Int32

	// Guarded by the idle pool's lock.
	targets int // open ones
	maxIdle int // the sum of the targets' shares
	idle    idleList
}

func newSite(key originKey, rules *tls.Config) *site {
	return &site{key: key, tls: rules, idle: idleList{place: inOrigin}}
}

// trust returns the rules of TLS for a CA bundle; the client's own if it is empty. An
// origin with a bundle has a session cache of its own, because resuming a session
// that began under other roots would verify nothing.
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
