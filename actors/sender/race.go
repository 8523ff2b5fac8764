package sender

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Names with several addresses are dialled as in RFC 8305 (Happy Eyeballs): the
// families take turns, the next address is dialled as soon as one has failed or has
// taken attemptDelay, and the first connection wins. So a family whose packets are
// dropped somewhere costs a moment, and not half of the timeout.
const (
	// maxDials bounds the addresses that one attempt dials.
	maxDials = 4
	// attemptDelay is the time between the starts of two dials (RFC 8305, section 5).
	attemptDelay = 250 * time.Millisecond
	// extraShare is the part of all connections, one in extraShare, that dials beside
	// others may have. Without room in it, addresses are dialled one after the other.
	extraShare = 8
	// minDialTime is how long each address then has before the next one replaces it.
	minDialTime = 2 * time.Second
)

// route is where to connect to: one port at one of several addresses.
type route struct {
	dial  func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	addrs []netip.Addr
	port  uint16
}

// dialAny connects to one of the addresses, and returns it, or the latest that it tried.
// o remembers the family of the one that answered, which is dialled first the next time.
func (c *Client) dialAny(ctx context.Context, to route, o *origin) (net.Conn, netip.Addr, error) {
	addrs := interleave(to.addrs, o.family.Load())
	if len(addrs) == 1 {
		raw, err := to.dialOne(ctx)
		return raw, addrs[0], err
	}
	r := &race{client: c, to: to, waiting: addrs[:min(len(addrs), maxDials)], results: make(chan dialled)}
	raw, addr, err := r.run(ctx)
	if err == nil {
		o.family.Store(familyOf(addr))
	}
	return raw, addr, err
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

// race has the dials of one attempt. It belongs to the goroutine that calls run.
type race struct {
	client  *Client
	to      route
	waiting []netip.Addr // not dialled yet
	results chan dialled
	pending int // dials without a result
	// latest is when the latest dial began, and latestTo its address; giveUp ends that dial.
	latest   time.Time
	latestTo netip.Addr
	giveUp   context.CancelFunc
}

// dialled is the result of one dial.
type dialled struct {
	conn net.Conn
	addr netip.Addr
	err  error
}

// run returns the first connection and its address, or why there is none, and the address
// that was dialled last. It ends the dials that
// lost; their goroutines close connections that come too late.
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
			return nil, r.latestTo, ctx.Err()
		}
	}
	switch {
	case ctx.Err() != nil:
		failure = ctx.Err()
	case failure == nil: // nothing could begin
		failure = errAborted
	}
	return nil, r.latestTo, failure
}

// next starts to dial the next address, if there is one. Without room for a dial
// beside another one it waits, and ends the latest dial once that had minDialTime.
func (r *race) next(ctx context.Context) {
	if len(r.waiting) == 0 {
		return
	}
	beside := r.pending > 0
	if beside && !r.client.roomBeside() {
		if time.Since(r.latest) >= minDialTime {
			r.giveUp() // its result makes run call next again
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
	r.latest, r.latestTo, r.giveUp = time.Now(), addr, giveUp
	go func() {
		defer r.client.racing.Done()
		defer giveUp()
		r.dial(ctx, own, addr, beside)
	}()
}

// dial dials one address until own ends, and sends the result to run unless ctx ends
// first. It runs on a goroutine of its own. beside says whether it holds room that
// it must return.
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

// mayRace counts a goroutine that is about to dial. It reports false, and counts
// nothing, if the client was aborted: Close may be waiting for the count already.
func (c *Client) mayRace() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.aborted {
		c.racing.Add(1)
	}
	return !c.aborted
}

// roomBeside reserves room for a dial beside another one of the same attempt, and
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

// leave returns the room of a dial that ran beside others.
func (c *Client) leave(beside bool) {
	if beside {
		c.idle.closed()
		<-c.extra
	}
}
