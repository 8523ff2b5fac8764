package sender

import (
	"fmt"
	"net/netip"

	"github.com/corpastro/astrohook/webhook"
)

// refusal is what the guard refused, and what the operator's settings have to do
// with it. It is for the operator's log: a client learns a class only.
type refusal struct {
	what string
	// advice names the setting that refused it, or that would let it through.
	advice string
	class  error // webhook.ErrBlockedAddress, or errBlockedPort
}

func (r *refusal) Error() string { return r.what + ": " + r.advice + ": " + r.class.Error() }

func (r *refusal) Unwrap() error { return r.class }

func refuseAddr(addr netip.Addr, advice string) error {
	return &refusal{"address " + addr.String(), advice, webhook.ErrBlockedAddress}
}

func refuseHost(host, advice string) error {
	return &refusal{"host name " + host, advice, webhook.ErrBlockedAddress}
}

func refusePort(port uint16, advice string) error {
	return &refusal{fmt.Sprintf("port %d", port), advice, errBlockedPort}
}

// The advice that the guard has. Words in them are settings of the server.
const (
	adviceZone       = "no setting lets an address with a zone through"
	adviceDeny       = "deny-addresses refuses it"
	advicePublic     = "it is not of the public internet; allow-addresses would let it through"
	adviceOwn        = "it is this machine's own; allow-addresses would let it through"
	adviceLocal      = "it is a name of a private network; allow-addresses would let it through if it covered every address that the name has"
	adviceLocalAddr  = "it is what a name of a private network resolves to; allow-addresses would let it through"
	adviceProxyLocal = "it is a name of a private network, which the egress proxy would resolve; allow-hosts would let it through"
	adviceHosts      = "allow-hosts does not list it"
	adviceHostAddr   = "allow-hosts is set, so an address in a name's place must be within allow-addresses"
	adviceDenyHosts  = "deny-hosts refuses it"
	advicePorts      = "allow-ports does not list it"
	adviceDenyPorts  = "deny-ports refuses it"
	adviceHTTP       = "http is for addresses that allow-addresses lists; use https"
)
