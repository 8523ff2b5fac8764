package sender

import (
	"slices"
	"sync"
	"time"
)

// idlePool holds the idle connections of all endpoints. Together with those in use
// they are at most max, as long as any is idle: for a new one the one idle for
// longest goes, whoever's it is. Each endpoint uses its own only, the latest
// first. It is safe for concurrent use.
type idlePool struct {
	max int

	mu             sync.Mutex
	count          int
	busy           int   // connections in use
	oldest, newest *conn // a list, through older and newer
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

// put keeps a connection that was in use for the next request of its target, and
// gives those that are to be closed for it; itself if its target is closed.
func (p *idlePool) put(cn *conn) (surplus []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	t := cn.target
	if t.closed || t.maxIdle == 0 {
		return []*conn{cn}
	}
	if len(t.idle) >= t.maxIdle {
		surplus = append(surplus, p.removeLocked(t.idle[0]))
	}
	cn.idleSince = time.Now()
	t.idle = append(t.idle, cn)
	cn.older, cn.newer = p.newest, nil
	if p.newest != nil {
		p.newest.newer = cn
	} else {
		p.oldest = cn
	}
	p.newest = cn
	p.count++
	return append(surplus, p.surplusLocked()...)
}

// surplusLocked takes out idle connections for as long as there are too many in all.
func (p *idlePool) surplusLocked() (surplus []*conn) {
	for p.busy+p.count > p.max && p.oldest != nil {
		surplus = append(surplus, p.removeLocked(p.oldest))
	}
	return surplus
}

// take gives the connection that a target used last, which is in use from now on;
// nil if it has none that has not expired.
func (p *idlePool) take(t *Target) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(t.idle) - 1
	if last < 0 || time.Since(t.idle[last].idleSince) > idleTimeout {
		return nil // the janitor closes what has expired
	}
	p.busy++
	return p.removeLocked(t.idle[last])
}

// expired takes out the connections that have been idle for too long.
func (p *idlePool) expired(now time.Time) (expired []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.oldest != nil && now.Sub(p.oldest.idleSince) > idleTimeout {
		expired = append(expired, p.removeLocked(p.oldest))
	}
	return expired
}

// shut takes out the connections of a target, and lets it have no more.
func (p *idlePool) shut(t *Target) []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.closed = true
	idle := slices.Clone(t.idle)
	for _, cn := range idle {
		p.removeLocked(cn)
	}
	return idle
}

// removeLocked takes a connection out of the list and of its target's.
func (p *idlePool) removeLocked(cn *conn) *conn {
	t := cn.target
	at := len(t.idle) - 1
	if t.idle[at] != cn { // then it is to be closed: the target's oldest, or nearly
		at = slices.Index(t.idle, cn)
	}
	t.idle = slices.Delete(t.idle, at, at+1)
	if cn.older != nil {
		cn.older.newer = cn.newer
	} else {
		p.oldest = cn.newer
	}
	if cn.newer != nil {
		cn.newer.older = cn.older
	} else {
		p.newest = cn.older
	}
	cn.older, cn.newer = nil, nil
	p.count--
	return cn
}
