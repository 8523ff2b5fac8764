package guard

import (
	"fmt"
	"net/netip"

	"github.com/corpastro/astrohook/webhook"
)

// ErrBlockedPort is the webhook.ErrBlockedAddress of a port. It exists because a
// client may learn that its port was refused: that says nothing about the network.
var ErrBlockedPort = fmt.Errorf("port: %w", webhook.ErrBlockedAddress)

// Refusal is why the guard refused a target. It is for the operator's log: a
// client learns the class only, because the rest would describe the network that
// the server stands in.
type Refusal struct {
	// What was refused: an address, a host name or a port, with its value.
	What string
	// Advice names the setting that refused it, or that would admit it.
	Advice string

	class error // webhook.ErrBlockedAddress or ErrBlockedPort
}

// Error returns the refusal in the words of the log.
func (r *Refusal) Error() string { return r.What + ": " + r.Advice + ": " + r.class.Error() }

// Unwrap returns the class: webhook.ErrBlockedAddress, or ErrBlockedPort.
func (r *Refusal) Unwrap() error { return r.class }

func refuseAddr(addr netip.Addr, advice string) error {
	return &Refusal{"address " + addr.String(), advice, webhook.ErrBlockedAddress}
}

func refuseHost(host, advice string) error {
	return &Refusal{"host name " + host, advice, webhook.ErrBlockedAddress}
}

func refusePort(port uint16, advice string) error {
	return &Refusal{fmt.Sprintf("port %d", port), advice, ErrBlockedPort}
}

// The advice of refusals. Names with hyphens are settings of the server.
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
