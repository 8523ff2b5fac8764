package sender

// idleOwner is a client's account with the idle connections.
type idleOwner struct {
	client  string
	targets int
	idle    idleList
}

// ownerLocked returns a client's account for one more target of it.
func (p *idlePool) ownerLocked(client string) *idleOwner {
	o := p.owners[client]
	if o == nil {
		o = &idleOwner{client: client, idle: idleList{place: inOwner}}
		p.owners[client] = o
	}
	o.targets++
	return o
}

// forgetLocked drops an account that nothing is left of.
func (p *idlePool) forgetLocked(o *idleOwner) {
	if o.targets == 0 && o.idle.count == 0 && p.owners[o.client] == o {
		delete(p.owners, o.client)
	}
}

// keepLocked has an account found that may have been dropped while it had nothing.
func (p *idlePool) keepLocked(o *idleOwner) {
	if p.owners[o.client] == nil {
		p.owners[o.client] = o
	}
}

// ownersPerLook is how many accounts are looked at, on average, to find one
// connection that is to be closed.
const ownersPerLook = 64

// greedy is the account that had most idle connections when somebody looked.
type greedy struct {
	owner *idleOwner
	// least is how many it may keep before the others give, too; left is how many
	// connections may be closed until somebody looks again.
	least, left int
}

// victimLocked returns the idle connection that is to be closed for a new one. There is at least one.
func (p *idlePool) victimLocked() *conn {
	g := &p.greedy
	if g.left--; g.left < 0 {
		*g = greedy{owner: p.largestLocked(), left: len(p.owners) / ownersPerLook}
		g.least = max(g.owner.idle.count/2, 1)
	}
	if g.owner.idle.count > g.least {
		return g.owner.idle.oldest
	}
	return p.all.oldest
}

func (p *idlePool) largestLocked() (largest *idleOwner) {
	for _, o := range p.owners {
		if largest == nil || o.idle.count > largest.idle.count {
			largest = o
		}
	}
	return largest
}
