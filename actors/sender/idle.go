package sender

import (
	"crypto/tls"
	"sync"
	"time"
)

// idlePool holds the idle connections of all endpoints. Idle connections and those
// in use together are at most max while any is idle: each new connection beyond max
// costs an idle one, the oldest of the client that has most. So no client's
// connections can displace those of others. An endpoint uses the connections of its
// origin, whoever opened them, the latest first: then the surplus of a busy hour is
// what grows old. The pool is safe for concurrent use.
//
// Methods return the connections that are to be closed, and callers close them
// outside of the lock.
type idlePool struct {
	max int

	mu      sync.Mutex
	origins map[originKey]*site // of open targets
	clients map[string]*idleOwner
	busy    int // connections in use, and those being opened
	epoch   int // the number of calls of renew
	all     idleList
	greedy  greedy
}

func newIdlePool(maxConnections int) *idlePool {
	return &idlePool{max: maxConnections, origins: make(map[originKey]*site), clients: make(map[string]*idleOwner)}
}

// join adds a target of a client to the origin with the key, and returns the origin.
// The target adds maxIdle to the idle connections that the origin may have. rules
// are the origin's rules of TLS; those of the first target count.
func (p *idlePool) join(key originKey, rules *tls.Config, client string, maxIdle int) *origin {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.origins[key]
	if s == nil {
		s = newSite(key, rules)
		p.origins[key] = s
	}
	s.targets++
	s.maxIdle += maxIdle
	return &origin{site: s, owner: p.ownerLocked(client)}
}

// leave removes a target from its origin. It returns the idle connections that
// exceed what the remaining targets may have.
func (p *idlePool) leave(o *origin, maxIdle int) (surplus []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.maxIdle -= maxIdle
	o.owner.targets--
	p.forgetLocked(o.owner)
	if o.targets--; o.targets == 0 {
		delete(p.origins, o.key)
	}
	for o.idle.count > o.maxIdle {
		surplus = append(surplus, p.removeLocked(o.idle.oldest))
	}
	return surplus
}

// opened counts a new connection as in use. It returns the idle ones to close for it.
func (p *idlePool) opened() (surplus []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy++
	return p.surplusLocked()
}

// closed ends the count of a connection in use that was closed.
func (p *idlePool) closed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
}

// put keeps a connection that was in use for the next request to its origin. It
// returns the connections to close: idle ones that have to give way, or cn itself if
// its origin has no open target or if renew was called since it was opened.
func (p *idlePool) put(cn *conn) (surplus []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	o := cn.origin
	if o.maxIdle == 0 || cn.epoch != p.epoch {
		return []*conn{cn}
	}
	if o.idle.count >= o.maxIdle {
		surplus = append(surplus, p.removeLocked(o.idle.oldest))
	}
	cn.idleSince = time.Now()
	o.idle.push(cn)
	p.keepLocked(o.owner)
	o.owner.idle.push(cn)
	p.all.push(cn)
	return append(surplus, p.surplusLocked()...)
}

// surplusLocked removes and returns idle connections until all connections together
// are within max, or none is idle.
func (p *idlePool) surplusLocked() (surplus []*conn) {
	for p.busy+p.all.count > p.max && p.all.count > 0 {
		surplus = append(surplus, p.removeLocked(p.victimLocked()))
	}
	return surplus
}

// take returns the idle connection to an origin that was used last, and counts it as
// in use. It returns nil if there is none, or if the latest has expired: then all
// have.
func (p *idlePool) take(o *origin) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := o.idle.newest
	if last == nil || time.Since(last.idleSince) > idleTimeout {
		return nil // the janitor closes expired ones
	}
	p.busy++
	p.removeLocked(last)
	last.origin = o // it counts for the client that used it last
	return last
}

// expired removes and returns the connections that have been idle for longer than
// idleTimeout.
func (p *idlePool) expired(now time.Time) (expired []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.all.count > 0 && now.Sub(p.all.oldest.idleSince) > idleTimeout {
		expired = append(expired, p.removeLocked(p.all.oldest))
	}
	return expired
}

// renew removes and returns all idle connections. Those in use now are not kept
// later, because they belong to an earlier epoch.
func (p *idlePool) renew() (idle []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
	for p.all.count > 0 {
		idle = append(idle, p.removeLocked(p.all.oldest))
	}
	return idle
}

// now returns the epoch for a connection that is about to be opened.
func (p *idlePool) now() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epoch
}

// removeLocked removes an idle connection from all three lists, and returns it.
func (p *idlePool) removeLocked(cn *conn) *conn {
	cn.origin.idle.remove(cn)
	cn.origin.owner.idle.remove(cn)
	p.forgetLocked(cn.origin.owner)
	p.all.remove(cn)
	return cn
}
