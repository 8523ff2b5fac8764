package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
)

// Fate is what a Proxy does to a commit.
type Fate int

// What can happen to a commit. The program that sent it sees the same in all cases: a
// connection that ended without an answer, or does not answer.
const (
	// LoseAnswer carries the transaction to the server, which commits it, and ends the
	// connection in place of the answer.
	LoseAnswer Fate = iota
	// BreakOff carries half of the transaction and ends the connection: nothing is
	// committed.
	BreakOff
	// Stall carries half of the transaction and then nothing in either direction until
	// Mend, as a machine that is suspended in between. The server holds the locks of what
	// it has executed, and waits.
	Stall
)

// Proxy is the network between a program and a server, which fails on command. It knows
// enough of PostgreSQL's protocol to see where a transaction commits. Connections through
// it must not use TLS.
type Proxy struct {
	listener net.Listener
	target   string
	all      sync.WaitGroup

	mu     sync.Mutex
	next   []Fate
	met    int           // commits that met their fate
	cut    bool          // new connections end at once
	closed bool          // by Close
	passes chan struct{} // closed while bytes pass
	links  map[*link]struct{}
}

// NewProxy listens on a loopback port and carries what arrives to a server.
func NewProxy(s *Server) (*Proxy, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen in front of PostgreSQL: %w", err)
	}
	p := &Proxy{listener: l, target: s.Address(), passes: make(chan struct{}), links: map[*link]struct{}{}}
	close(p.passes)
	p.all.Go(p.serve)
	return p, nil
}

// URL returns the URL of a database as it is reached through the proxy.
func (p *Proxy) URL(database string) (string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", errors.New("this is not a URL of a database")
	}
	u.Host = p.listener.Addr().String()
	return u.String(), nil
}

// Next decides the fates of the next commits, on whichever connection they come. Those
// after them pass.
func (p *Proxy) Next(fates ...Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = append(p.next, fates...)
}

// Met returns how many commits have met the fate that Next decided.
func (p *Proxy) Met() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.met
}

// Cut ends all connections, and all that are opened until Mend.
func (p *Proxy) Cut() {
	p.mu.Lock()
	p.cut = true
	links := p.linksLocked()
	p.mu.Unlock()
	for _, l := range links {
		l.end()
	}
}

// Hold carries nothing in either direction until Mend; connections stay open.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passes:
		p.passes = make(chan struct{})
	default: // it holds already
	}
}

// Mend ends Cut, Hold and Stall. What was held back arrives late.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mendLocked()
}

func (p *Proxy) mendLocked() {
	p.cut = false
	select {
	case <-p.passes:
	default:
		close(p.passes)
	}
}

// Close ends all connections and stops listening.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mendLocked()
	links := p.linksLocked()
	p.mu.Unlock()
	err := p.listener.Close()
	for _, l := range links {
		l.end()
	}
	p.all.Wait()
	if err != nil {
		return fmt.Errorf("close the proxy: %w", err)
	}
	return nil
}

func (p *Proxy) linksLocked() []*link {
	out := make([]*link, 0, len(p.links))
	for l := range p.links {
		out = append(out, l)
	}
	return out
}

// serve accepts connections until Close.
func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp4", p.target)
		if err != nil { // the server is down: so is the connection
			_ = client.Close()
			continue
		}
		l := &link{proxy: p, client: client, server: server, texts: map[string]string{}, idle: true, asked: 1}
		if !p.register(l) {
			l.end()
			continue
		}
		p.all.Go(func() { l.requests(); l.end() })
		p.all.Go(func() { l.answers(); l.end(); p.forget(l) })
	}
}

// register adds a connection, unless none may be opened.
func (p *Proxy) register(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut || p.closed {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// fate takes the fate of a commit; false if it passes.
func (p *Proxy) fate() (Fate, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.next) == 0 {
		return 0, false
	}
	f := p.next[0]
	p.next = slices.Delete(p.next, 0, 1)
	p.met++
	return f, true
}

// gate returns a channel that is closed while bytes pass.
func (p *Proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passes
}
