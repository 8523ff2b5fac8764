package sender

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// A name with several addresses is connected to as RFC 8305 (Happy Eyeballs) has
// it: the families take turns, the next address is tried as soon as one has failed
// or has taken attemptDelay, and the first connection is the one that is used. So a
// family whose packets are dropped somewhere costs a moment, not half the timeout.
const (
	// maxDials bounds how many of a name's addresses one attempt tries.
	maxDials = 4
	// attemptDelay is how long an address has the race for itself (RFC 8305, section 5).
	attemptDelay = 250 * time.Millisecond
	// extraShare is which part of all connections dials beside others may have. While
	// they have it, addresses are tried one after the other.
	extraShare = 8
	// minDialTime is what an address gets then, while others follow it.
	minDialTime = 2 * time.Second
)

// route is where to connect to: one port at one of several addresses.
type route struct {
	dial  func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	addrs []netip.Addr
	port  uint16
}

// dialAny connects to one of the addresses; o remembers the family that it has.
func (c *Client) dialAny(ctx context.Context, to route, o *origin) (net.Conn, error) {
	addrs := interleave(to.addrs, o.family.Load())
	if len(addrs) == 1 {
		return to.dialOne(ctx)
	}
	r := &race{client: c, to: to, waiting: addrs[:min(len(addrs), maxDials)], results: make(chan dialled)}
	raw, winner, err := r.run(ctx)
	if err == nil {
		o.family.Store(familyOf(winner))
	}
	return raw, err
}

// dialOne connects to the only address that there is.
func (to *route) dialOne(ctx context.Context) (net.Conn, error) {
	raw, err := to.dial(ctx, "tcp", netip.AddrPortFrom(to.addrs[0].Unmap(), to.port))
	switch {
	case err == nil:
		return raw, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("dial: %w", err)
}

// interleave returns the addresses with the families taking turns, the preferred
// one first, or that of the first address. Within a family the order stays.
func interleave(addrs []netip.Addr, preferred int32) []netip.Addr {
	if len(addrs) < 2 {
		return addrs
	}
	var first, second []netip.Addr
	for _, addr := range addrs {
		if familyOf(addr) == preferred || preferred == 0 && familyOf(addr) == familyOf(addrs[0]) {
			first = append(first, addr)
		} else {
			second = append(second, addr)
		}
	}
	mixed := make([]netip.Addr, 0, len(addrs))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			mixed = append(mixed, first[i])
		}
		if i < len(second) {
			mixed = append(mixed, second[i])
		}
	}
	return mixed
}

// familyOf is 4 or 6.
func familyOf(addr netip.Addr) int32 {
	if addr.Unmap().Is4() {
		return 4
	}
	return 6
}

// race is the dials of one attempt. It belongs to the goroutine that runs it.
type race struct {
	client  *Client
	to      route
	waiting []netip.Addr // not tried yet
	results chan dialled
	pending int
	// latest began last; giveUp ends it.
	latest time.Time
	giveUp context.CancelFunc
}

// dialled is what became of one dial.
type dialled struct {
	conn net.Conn
	addr netip.Addr
	err  error
}

// run returns the first connection, or why there is none. Dials that lost are
// ended, and connections that come too late are closed.
func (r *race) run(ctx context.Context) (net.Conn, netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failure error
	r.next(ctx)
	tick := time.NewTimer(attemptDelay)
	defer tick.Stop()
	for r.pending > 0 {
		select {
		case got := <-r.results:
			r.pending--
			if got.err == nil {
				return got.conn, got.addr, nil
			}
			failure = fmt.Errorf("dial: %w", got.err)
			r.next(ctx)
			tick.Reset(attemptDelay)
		case <-tick.C:
			r.next(ctx)
			tick.Reset(attemptDelay)
		case <-ctx.Done():
			return nil, netip.Addr{}, ctx.Err()
		}
	}
	switch {
	case ctx.Err() != nil:
		failure = ctx.Err()
	case failure == nil: // nothing could begin
		failure = errAborted
	}
	return nil, netip.Addr{}, failure
}

// next dials the next address, if there is one. If there is no room for a dial
// beside another one, the latest is given up once it had its time.
func (r *race) next(ctx context.Context) {
	if len(r.waiting) == 0 {
		return
	}
	beside := r.pending > 0
	if beside && !r.client.roomBeside() {
		if time.Since(r.latest) >= minDialTime {
			r.giveUp() // its failure makes room
		}
		return
	}
	addr := r.waiting[0]
	r.waiting = r.waiting[1:]
	own, giveUp := context.WithCancel(ctx)
	if !r.client.mayRace() {
		giveUp()
		r.waiting = nil
		r.client.leave(beside)
		return
	}
	r.pending++
	r.latest, r.giveUp = time.Now(), giveUp
	go func() {
		defer r.client.racing.Done()
		defer giveUp()
		r.dial(ctx, own, addr, beside)
	}()
}

// dial dials one address until own ends, and reports to the race until ctx ends.
// Beside others it gives the room back that it took.
func (r *race) dial(ctx, own context.Context, addr netip.Addr, beside bool) {
	raw, err := r.to.dial(own, "tcp", netip.AddrPortFrom(addr.Unmap(), r.to.port))
	r.client.leave(beside)
	select {
	case r.results <- dialled{raw, addr, err}:
	case <-ctx.Done():
		if err == nil {
			_ = raw.Close()
		}
	}
}

// mayRace counts a goroutine that dials, unless the client was aborted.
func (c *Client) mayRace() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.aborted {
		c.racing.Add(1)
	}
	return !c.aborted
}

// roomBeside takes room for a dial beside another one of the same attempt, and
// reports whether there was any.
func (c *Client) roomBeside() bool {
	select {
	case c.extra <- struct{}{}:
		c.closeAllIdle(c.idle.opened())
		return true
	default:
		return false
	}
}

// leave gives the room back that a dial beside others took.
func (c *Client) leave(beside bool) {
	if beside {
		c.idle.closed()
		<-c.extra
	}
}
