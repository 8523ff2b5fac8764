package sender

// idleOwner has a client's idle connections. It exists while the client has open
// targets or idle connections.
type idleOwner struct {
	client  string
	targets int // open ones
	idle    idleList
}

// ownerLocked returns a client's idleOwner, and counts one more target of the
// client.
func (p *idlePool) ownerLocked(client string) *idleOwner {
	o := p.clients[client]
	if o == nil {
		o = &idleOwner{client: client, idle: idleList{place: inOwner}}
		p.clients[client] = o
	}
	o.targets++
	return o
}

// forgetLocked forgets an owner that has neither targets nor connections.
func (p *idlePool) forgetLocked(o *idleOwner) {
	if o.targets == 0 && o.idle.count == 0 && p.clients[o.client] == o {
		delete(p.clients, o.client)
	}
}

// keepLocked registers an owner again that was forgotten while its last connection
// was in use.
func (p *idlePool) keepLocked(o *idleOwner) {
	if p.clients[o.client] == nil {
		p.clients[o.client] = o
	}
}

// ownersPerLook is how many owners are looked at, on average, for each connection
// that is closed: the search for the largest owner is linear, so its result serves
// for several.
const ownersPerLook = 64

// greedy is the owner that had most idle connections at the last search.
type greedy struct {
	owner *idleOwner
	// least is how many connections the owner keeps in any case; below that the oldest
	// connection of all gives way. left is how many more connections are closed before
	// the next search.
	least, left int
}

// victimLocked returns the idle connection to close for a new one. There must be at
// least one.
func (p *idlePool) victimLocked() *conn {
	g := &p.greedy
	if g.left--; g.left < 0 {
		*g = greedy{owner: p.largestLocked(), left: len(p.clients) / ownersPerLook}
		g.least = max(g.owner.idle.count/2, 1)
	}
	if g.owner.idle.count > g.least {
		return g.owner.idle.oldest
	}
	return p.all.oldest
}

// largestLocked returns the owner with most idle connections.
func (p *idlePool) largestLocked() (largest *idleOwner) {
	for _, o := range p.clients {
		if largest == nil || o.idle.count > largest.idle.count {
			largest = o
		}
	}
	return largest
}
