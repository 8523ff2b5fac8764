package sender

// place is one of the three lists that each idle connection is in at the same time.
type place int

const (
	inPool   place = iota // all idle connections
	inOrigin              // those of the same origin
	inOwner               // those of the same client
	places                // their number
)

// idleLinks are a connection's neighbours in one list. They are part of the
// connection, so that keeping and taking one allocates nothing.
type idleLinks struct{ older, newer *conn }

// idleList is a doubly linked list of idle connections in the order in which they
// became idle. All operations take constant time.
type idleList struct {
	place          place
	oldest, newest *conn
	count          int
}

// push appends a connection, which is in no list of this place yet.
func (l *idleList) push(cn *conn) {
	cn.links[l.place] = idleLinks{older: l.newest}
	if l.newest != nil {
		l.newest.links[l.place].newer = cn
	} else {
		l.oldest = cn
	}
	l.newest = cn
	l.count++
}

// remove removes a connection, which must be in the list.
func (l *idleList) remove(cn *conn) {
	link := cn.links[l.place]
	if link.older != nil {
		link.older.links[l.place].newer = link.newer
	} else {
		l.oldest = link.newer
	}
	if link.newer != nil {
		link.newer.links[l.place].older = link.older
	} else {
		l.newest = link.older
	}
	cn.links[l.place] = idleLinks{}
	l.count--
}
