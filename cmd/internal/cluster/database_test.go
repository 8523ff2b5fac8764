package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// database is the store of all nodes in a model of the cluster: what storage.Shared
// promises, over a network that delays, loses answers, and carries out late what the
// caller has given up.
type database struct {
	t      *testing.T
	began  time.Time
	faulty bool // answers get lost, and statements are carried out late

	mu     sync.Mutex
	random *rand.Rand
	next   storage.Incarnation
	down   bool
	step   time.Duration // of its clock
	nodes  map[storage.Incarnation]*row
	parts  [webhook.PartCount]storage.Ownership
	given  [webhook.PartCount]time.Time // when each got its owner
	// stepped is when the clock was last stepped.
	stepped time.Time
	version uint64

	// What the test counts: nodes that were fenced, outcomes recorded.
	fenced  []storage.Incarnation
	settled int
}

type row struct {
	storage.Node
	fenced, left bool
}

func newDatabase(t *testing.T, seed uint64) *database {
	return &database{t: t, began: time.Now().Add(-time.Hour), random: rand.New(rand.NewPCG(seed, 1)), nodes: make(map[storage.Incarnation]*row)}
}

func (d *database) clock() time.Time { return time.Now().Add(d.step) }

func (d *database) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// chance returns the delay before and after a statement, and what becomes of it.
func (d *database) chance() (before, after time.Duration, lost, late bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, after = time.Duration(d.random.IntN(4))*time.Millisecond, time.Duration(d.random.IntN(4))*time.Millisecond
	if d.faulty {
		lost, late = d.random.IntN(20) == 0, d.random.IntN(40) == 0
	}
	return before, after, lost, late
}

// call carries out a statement of a node as one transaction.
func (d *database) call(ctx context.Context, statement func() error) error {
	before, after, lost, late := d.chance()
	time.Sleep(before)
	if late { // the caller's connection is gone, the statement still under way
		delay := time.Duration(before+1) * 300
		go func() {
			time.Sleep(delay)
			d.mu.Lock()
			defer d.mu.Unlock()
			if !d.down {
				_ = statement()
			}
		}()
		return webhook.ErrUnavailable
	}
	d.mu.Lock()
	if d.down {
		d.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
		return webhook.ErrUnavailable
	}
	err := statement()
	d.mu.Unlock()
	time.Sleep(after)
	if lost {
		return webhook.ErrUnavailable
	}
	return err
}

// session is the database as one process reaches it.
type session struct {
	*database
	gate *gate
	self storage.Incarnation
	// epochs are those that the session knows: it releases a part in that epoch only, so
	// that a release that is carried out late does no harm.
	mu     sync.Mutex
	epochs [webhook.PartCount]uint64
}

func (s *session) do(ctx context.Context, statement func() error) error {
	s.gate.pass()
	defer s.gate.pass()
	if s.gate.killed() {
		return webhook.ErrUnavailable
	}
	return s.call(ctx, statement)
}

func (s *session) Join(ctx context.Context, info storage.NodeInfo) (storage.Incarnation, error) {
	joined := make(chan storage.Incarnation, 1)
	err := s.do(ctx, func() error {
		// Multiplied by a large odd number, as random as incarnations are.
		s.next++
		self := s.next * 0x9e3779b97f4a7c15
		s.nodes[self] = &row{Node: storage.Node{NodeInfo: info, Incarnation: self, Expires: s.clock().Add(DefaultLease)}}
		joined <- self
		return nil
	})
	if err == nil {
		s.self = <-joined
	}
	return s.self, err
}

// mine returns the session's own row, ErrFenced if it may write nothing any more.
func (s *session) mine() (*row, error) {
	r := s.nodes[s.self]
	if r == nil || r.fenced || r.left {
		return nil, webhook.ErrFenced
	}
	return r, nil
}

func (s *session) Heartbeat(ctx context.Context, b storage.Beat) (storage.Cluster, error) {
	var c storage.Cluster // written late, it is not read any more
	err := s.do(ctx, func() error {
		r, err := s.mine()
		if err != nil {
			return err
		}
		r.Beat, r.Expires = b, s.clock().Add(b.Lease)
		c = storage.Cluster{Now: s.clock(), Version: s.version, Parts: s.parts}
		for _, other := range s.nodes {
			if !other.fenced && !other.left {
				c.Nodes = append(c.Nodes, other.Node)
			}
		}
		return nil
	})
	if err != nil {
		return storage.Cluster{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range c.Parts {
		s.epochs[i] = max(s.epochs[i], o.Epoch)
	}
	return c, nil
}

func (s *session) Fence(ctx context.Context, dead storage.Incarnation) error {
	return s.do(ctx, func() error {
		if _, err := s.mine(); err != nil {
			return err
		}
		if r := s.nodes[dead]; r != nil && !r.left {
			if now := s.clock(); r.Expires.After(now) && !r.Expires.After(now.Add(2*DefaultLease)) && !r.fenced {
				return webhook.ErrConflict
			}
			if !r.fenced {
				s.database.fenced = append(s.database.fenced, dead)
			}
			r.fenced = true
		}
		s.free(dead)
		return nil
	})
}

func (s *session) free(owner storage.Incarnation) {
	for i := range s.parts {
		if s.parts[i].Owner == owner {
			s.parts[i] = storage.Ownership{Epoch: s.parts[i].Epoch + 1}
		}
	}
}

func (s *session) Claim(ctx context.Context, parts webhook.Parts) (webhook.Parts, error) {
	var got webhook.Parts // as above
	err := s.do(ctx, func() error {
		if _, err := s.mine(); err != nil {
			return err
		}
		for p := range parts.All {
			if s.parts[p].Owner == 0 {
				s.parts[p] = storage.Ownership{Owner: s.self, Epoch: s.parts[p].Epoch + 1}
				s.given[p] = time.Now()
				s.learn(p, s.parts[p].Epoch)
				got.Add(p)
			}
		}
		return nil
	})
	if err != nil {
		return webhook.Parts{}, err
	}
	return got, nil
}

func (s *session) learn(p webhook.Part, epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epochs[p] = epoch
}

func (s *session) Release(ctx context.Context, parts webhook.Parts, to storage.Incarnation) error {
	s.mu.Lock()
	known := s.epochs
	s.mu.Unlock()
	return s.do(ctx, func() error {
		if _, err := s.mine(); err != nil {
			return err
		}
		if r := s.nodes[to]; to != 0 && (r == nil || r.fenced || r.left) {
			return webhook.ErrConflict
		}
		for p := range parts.All {
			if o := &s.parts[p]; o.Owner == s.self && o.Epoch == known[p] {
				*o = storage.Ownership{Owner: to, Epoch: o.Epoch + 1}
				s.given[p] = time.Now()
			}
		}
		return nil
	})
}

func (s *session) HoldRegistrations(context.Context) (func(), error) { return func() {}, nil }

func (s *session) Leave(ctx context.Context) error {
	return s.do(ctx, func() error {
		r, err := s.mine()
		if err != nil {
			return err
		}
		r.left = true
		s.free(s.self)
		return nil
	})
}

func (s *session) Changes(context.Context, uint64, func(webhook.Endpoint) error) (storage.Changes, error) {
	return storage.Changes{}, nil
}

// settle records an outcome. That a node writes that does not own the part is the fault
// that nothing may lead to.
func (s *session) settle(p webhook.Part) error {
	repeated := false
	defer s.set(func() { repeated = true })
	return s.do(context.Background(), func() error {
		if repeated { // carried out late: it finds everything recorded by a repetition
			return nil
		}
		if _, err := s.mine(); err != nil {
			return err
		}
		if o := s.parts[p]; o.Owner != s.self {
			s.t.Errorf("%s settles in part %d, which %x owns", s.nodes[s.self].Name, p, uint64(o.Owner))
		}
		s.settled++
		return nil
	})
}

// check is called when an attempt starts: nobody else may own the part, except after a
// step of the database's clock.
func (s *session) check(p webhook.Part) {
	s.database.mu.Lock()
	defer s.database.mu.Unlock()
	if o := s.parts[p]; o.Owner != s.self && time.Since(s.stepped) > 20*time.Second {
		s.t.Errorf("%s starts an attempt in part %d, which %x owns", s.nodes[s.self].Name, p, uint64(o.Owner))
	}
}

// gate stops a process where it stands, as SIGSTOP does, or for ever.
type gate struct {
	mu      sync.Mutex
	stopped chan struct{} // nil unless it is stopped
	dead    bool
}

// pass returns when the process runs.
func (g *gate) pass() {
	for {
		g.mu.Lock()
		stopped := g.stopped
		g.mu.Unlock()
		if stopped == nil {
			return
		}
		<-stopped
	}
}

func (g *gate) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped == nil && !g.dead {
		g.stopped = make(chan struct{})
	}
}

func (g *gate) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped != nil {
		close(g.stopped)
		g.stopped = nil
	}
}

func (g *gate) kill() {
	g.resume()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = true
}

func (g *gate) killed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dead
}

func (d *database) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	by := make(map[string]int)
	for _, o := range d.parts {
		name := "nobody"
		if r := d.nodes[o.Owner]; r != nil {
			name = fmt.Sprintf("%s fenced=%t left=%t", r.Name, r.fenced, r.left)
		}
		by[name]++
	}
	return fmt.Sprint(by)
}
