package record

import (
	"encoding/binary"
	"net/netip"

	"github.com/corpastro/astrohook/webhook"
)

// The flags of what an attempt met on its way go on from those in attempt.go. An attempt
// over a kept connection, which most are, has addresses, and no times of its own: a first
// byte that came with the whole status line takes no bytes.
const (
	hasAddresses = hasEncoding << (1 + iota)
	isReused
	hasSentAs
	hasEarlyStatus // the first byte came when the status line was there
	hasSteps       // DNS, Connect and TLS
	hasFirstByte
	isProxied
)

// The kinds of addresses, in the byte before them.
const (
	toIPv6 = 1 << iota
	fromIPv6
	withoutFrom
)

// connectionFlags returns which fields are set.
func connectionFlags(a *webhook.Attempt) (flags uint64) {
	c := &a.Connection
	set := func(flag uint64, yes bool) {
		if yes {
			flags |= flag
		}
	}
	set(hasAddresses, c.To.IsValid())
	set(isReused, c.Reused)
	set(hasSentAs, a.SentAs != 0)
	early := c.FirstByte > 0 && c.FirstByte.Microseconds() == a.Latency.Microseconds()
	set(hasEarlyStatus, early)
	set(hasFirstByte, c.FirstByte > 0 && !early)
	set(hasSteps, c.DNS > 0 || c.Connect > 0 || c.TLS > 0)
	set(isProxied, c.Proxied)
	return flags
}

// appendConnection appends the fields that flags name.
func appendConnection(dst []byte, a *webhook.Attempt, flags uint64) []byte {
	c := &a.Connection
	if flags&hasAddresses != 0 {
		dst = appendAddresses(dst, c.To, c.From)
	}
	if flags&hasSentAs != 0 {
		dst = binary.BigEndian.AppendUint32(dst, a.SentAs)
	}
	if flags&hasSteps != 0 {
		dst = appendDuration(appendDuration(appendDuration(dst, c.DNS), c.Connect), c.TLS)
	}
	if flags&hasFirstByte != 0 {
		dst = appendDuration(dst, c.FirstByte)
	}
	return dst
}

// connection reads what appendConnection wrote into an attempt that has the other fields.
func (d *decoder) connection(a *webhook.Attempt, flags uint64) {
	c := &a.Connection
	if flags&hasAddresses != 0 {
		c.To, c.From = d.addresses()
	}
	if flags&hasSentAs != 0 {
		if b := d.fixed(4); b != nil {
			a.SentAs = binary.BigEndian.Uint32(b)
		}
	}
	if flags&hasSteps != 0 {
		c.DNS, c.Connect, c.TLS = d.duration(), d.duration(), d.duration()
	}
	if flags&hasEarlyStatus != 0 {
		c.FirstByte = a.Latency
	}
	if flags&hasFirstByte != 0 {
		c.FirstByte = d.duration()
	}
	c.Reused, c.Proxied = flags&isReused != 0, flags&isProxied != 0
}

// appendAddresses appends one or two addresses with their ports: 6 bytes each, or 18.
func appendAddresses(dst []byte, to, from netip.AddrPort) []byte {
	kinds := byte(0)
	if to.Addr().Unmap().Is6() {
		kinds |= toIPv6
	}
	switch {
	case !from.IsValid():
		kinds |= withoutFrom
	case from.Addr().Unmap().Is6():
		kinds |= fromIPv6
	}
	dst = appendAddress(append(dst, kinds), to)
	if kinds&withoutFrom == 0 {
		dst = appendAddress(dst, from)
	}
	return dst
}

// appendAddress appends an address, without its zone, and its port.
func appendAddress(dst []byte, a netip.AddrPort) []byte {
	if addr := a.Addr().Unmap(); addr.Is4() {
		four := addr.As4()
		dst = append(dst, four[:]...)
	} else {
		sixteen := addr.As16()
		dst = append(dst, sixteen[:]...)
	}
	return binary.BigEndian.AppendUint16(dst, a.Port())
}

// addresses reads what appendAddresses wrote.
func (d *decoder) addresses() (to, from netip.AddrPort) {
	kinds := d.byte()
	to = d.address(kinds&toIPv6 != 0)
	switch {
	case kinds >= withoutFrom<<1, kinds&withoutFrom != 0 && kinds&fromIPv6 != 0:
		d.fail()
	case kinds&withoutFrom == 0:
		from = d.address(kinds&fromIPv6 != 0)
	}
	return to, from
}

// address reads what appendAddress wrote.
func (d *decoder) address(v6 bool) netip.AddrPort {
	size := 4
	if v6 {
		size = 16
	}
	b := d.fixed(size + 2)
	if b == nil {
		return netip.AddrPort{}
	}
	addr, _ := netip.AddrFromSlice(b[:size]) // of a size that is one
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(b[size:]))
}
