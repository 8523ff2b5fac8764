package sender

import (
	"crypto/tls"
	"sync"
	"time"
)

// idlePool holds the idle connections of all endpoints. Together with those in use
// they are at most max, as long as any is idle: for a new one an idle one goes, of
// the client that has most of them the one idle for longest. So no client's
// connections push out those of others. Each endpoint uses those of its origin,
// whoever opened them, the latest first. It is safe for concurrent use.
type idlePool struct {
	max int

	mu      sync.Mutex
	origins map[originKey]*site // those of open targets
	owners  map[string]*idleOwner
	busy    int // connections in use
	epoch   int // counts the calls of renew
	all     idleList
	greedy  greedy
}

func newIdlePool(maxConnections int) *idlePool {
	return &idlePool{max: maxConnections, origins: make(map[originKey]*site), owners: make(map[string]*idleOwner)}
}

// join returns the origin of a client's target that may have maxIdle connections
// idle. rules are those of TLS, for the first target there.
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

// leave takes a target from its origin, and gives the connections that the others
// there have no use for.
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

// opened counts a new connection as in use, and gives those that are to be closed for it.
func (p *idlePool) opened() (surplus []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy++
	return p.surplusLocked()
}

// closed counts a connection in use no more.
func (p *idlePool) closed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
}

// put keeps a connection that was in use for the next request to its origin, and
// gives those that are to be closed for it; itself if no target there is open, or if
// it is from before the last renew.
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

// surplusLocked takes out idle connections for as long as there are too many in all.
func (p *idlePool) surplusLocked() (surplus []*conn) {
	for p.busy+p.all.count > p.max && p.all.count > 0 {
		surplus = append(surplus, p.removeLocked(p.victimLocked()))
	}
	return surplus
}

// take gives the connection to an origin that was used last, which is in use from
// now on; nil if there is none that has not expired.
func (p *idlePool) take(o *origin) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := o.idle.newest
	if last == nil || time.Since(last.idleSince) > idleTimeout {
		return nil // the janitor closes what has expired
	}
	p.busy++
	p.removeLocked(last)
	last.origin = o // who used it last is who keeps it
	return last
}

// expired takes out the connections that have been idle for too long.
func (p *idlePool) expired(now time.Time) (expired []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.all.count > 0 && now.Sub(p.all.oldest.idleSince) > idleTimeout {
		expired = append(expired, p.removeLocked(p.all.oldest))
	}
	return expired
}

// renew takes out all idle connections, and keeps none that is in use now.
func (p *idlePool) renew() (idle []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
	for p.all.count > 0 {
		idle = append(idle, p.removeLocked(p.all.oldest))
	}
	return idle
}

// now is the epoch of a connection that is going to be opened.
func (p *idlePool) now() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epoch
}

func (p *idlePool) removeLocked(cn *conn) *conn {
	cn.origin.idle.remove(cn)
	cn.origin.owner.idle.remove(cn)
	p.forgetLocked(cn.origin.owner)
	p.all.remove(cn)
	return cn
}
