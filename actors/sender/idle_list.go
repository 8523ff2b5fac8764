package sender

// place says in which of the three lists of idle connections a link is.
type place int

const (
	inPool   place = iota // with all others
	inOrigin              // with those of the same origin
	inOwner               // with those of the same client
	places
)

// idleLinks are a connection's neighbours in a list of idle ones.
type idleLinks struct{ older, newer *conn }

// idleList is a list of idle connections in order of when they were used last.
type idleList struct {
	place          place
	oldest, newest *conn
	count          int
}

// push appends a connection that is in no list of the place.
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

// remove takes out a connection that is in the list.
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
