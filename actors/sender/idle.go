package sender

import (
	"crypto/tls"
	"sync"
	"time"
)

// idlePool holds the idle connections of all endpoints. Together with those in use
// they are at most max, as long as any is idle: for a new one the one idle for
// longest goes, wherever it leads. Each endpoint uses those of its origin, the latest
// first. It is safe for concurrent use.
type idlePool struct {
	max int

	mu      sync.Mutex
	origins map[originKey]*origin // those of open targets
	busy    int                   // connections in use
	epoch   int                   // counts the calls of renew
	all     idleList
}

func newIdlePool(maxConnections int) *idlePool {
	return &idlePool{max: maxConnections, origins: make(map[originKey]*origin)}
}

// join gives the origin of a target that may have maxIdle connections idle. rules
// are those of TLS, for the first target there.
func (p *idlePool) join(key originKey, rules *tls.Config, maxIdle int) *origin {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.origins[key]
	if o == nil {
		o = newOrigin(key, rules)
		p.origins[key] = o
	}
	o.targets++
	o.maxIdle += maxIdle
	return o
}

// leave takes a target from its origin, and gives the connections that the others
// there have no use for.
func (p *idlePool) leave(o *origin, maxIdle int) (surplus []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.maxIdle -= maxIdle
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
	p.all.push(cn)
	return append(surplus, p.surplusLocked()...)
}

// surplusLocked takes out idle connections for as long as there are too many in all.
func (p *idlePool) surplusLocked() (surplus []*conn) {
	for p.busy+p.all.count > p.max && p.all.count > 0 {
		surplus = append(surplus, p.removeLocked(p.all.oldest))
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
	return p.removeLocked(last)
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
	p.all.remove(cn)
	return cn
}
