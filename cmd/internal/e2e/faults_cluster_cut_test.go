//go:build faults

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cluster"
	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// throughProxies has the first node reach the database through a proxy, and each node the
// others through a relay.
func throughProxies(t *testing.T) func(c *clusterTrial, i int, s *server) {
	t.Helper()
	return func(c *clusterTrial, i int, s *server) {
		listen := reserveAddress(t)
		r := startRelay(t, listen)
		c.relays = append(c.relays, r)
		s.env = append(s.env, "ASTROHOOK_CLUSTER_LISTEN="+listen, "ASTROHOOK_CLUSTER_ADDRESS="+r.listener.Addr().String())
		if i > 0 {
			return
		}
		var err error
		if c.proxy, err = pgtest.NewProxy(c.primary); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.proxy.Close() })
		url, err := c.proxy.URL(c.database)
		if err != nil {
			t.Fatal(err)
		}
		s.env = append(s.env, "ASTROHOOK_DATABASE_URL="+url)
	}
}

// cutFromDatabase cuts one node off the database under load: first
// connections end, then nothing passes any more. The others take its parts; it refuses
// publishers, and joins again by itself.
func (c *clusterTrial) cutFromDatabase(t *testing.T) {
	t.Helper()
	proxy := c.proxy
	stop := c.load()
	for name, cut := range map[string]func(){"cut": proxy.Cut, "held": proxy.Hold} {
		longest := c.during(func() {
			cut()
			await(t, "the node not to be ready", func() error {
				if c.nodes[0].try("GET", "/readyz", nil, nil) == nil {
					return errReady
				}
				return nil
			})
			c.awaitTaken(c.nodes[1], 2)
			c.kills++
		})
		c.wantGap(name+" off", longest)
		if err := c.nodes[0].try("GET", "/api/webhooks", nil, nil); statusOf(err) != 503 {
			t.Errorf("%s off: the node answers with %v", name, err)
		}
		proxy.Mend()
		c.nodes[0].awaitReady(t)
		c.awaitBalanced()
	}
	stop()
	c.audit()
}

// stopDatabase stops the primary for longer than a lease, as a paused machine; in the long
// form the standby too, and again and again. Nobody is taken for dead afterwards, and
// everything continues.
func (c *clusterTrial) stopDatabase(t *testing.T) {
	t.Helper()
	rounds := faults(t, 1, 40)
	stop := c.load()
	for round := range rounds {
		stopped := []*pgtest.Server{c.primary, c.standby}[round%2]
		c.during(func() {
			if err := stopped.Suspend(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(cluster.DefaultLease + 2*time.Second) // it does nothing for so long
			if err := stopped.Resume(); err != nil {
				t.Fatal(err)
			}
			c.awaitAcknowledged(100)
		})
	}
	c.wantNobodyDead()
	stop()
	c.audit()
}

// cutFromNodes cuts the nodes off one another under load: hints are lost.
// Nobody is taken for dead, and every event is delivered within 15 s all the same.
func (c *clusterTrial) cutFromNodes(t *testing.T) {
	t.Helper()
	stop := c.load()
	longest := c.during(func() {
		for _, r := range c.relays {
			r.cut(true)
		}
		t.Logf("an event was delivered after %s without hints", c.publishOne(c.nodes[0]))
		c.awaitTaken(c.nodes[0], 3)
		for _, r := range c.relays {
			r.cut(false)
		}
	})
	t.Logf("without hints no subscriber got nothing for longer than %s", longest)
	stop()
	c.audit()
}

// publishOne publishes one event on a node and waits until every subscriber that it is for
// has got it. It returns how long that took.
func (c *clusterTrial) publishOne(s *server) time.Duration {
	c.t.Helper()
	began := time.Now()
	seq := c.ledger.issue(1)
	got, err := s.publish(eventTypeOf(seq), c.ledger.data(seq))
	if err != nil {
		c.t.Fatal(err)
	}
	c.ledger.acknowledge(c.t, seq, got)
	await(c.t, "an event to be delivered", func() error {
		for _, m := range c.fleet {
			if m.gets(seq) && !m.got(seq) {
				return fmt.Errorf("%s has not got event %d", m.name, seq)
			}
		}
		return nil
	})
	return time.Since(began)
}

// got reports whether an event has arrived.
func (m *member) got(seq uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.arrived {
		if a.seq == seq {
			return true
		}
	}
	return false
}

// relay carries connections to an address, until it is cut.
type relay struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	isCut bool
	open  []net.Conn
}

func startRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, target: target}
	var serving sync.WaitGroup
	serving.Go(r.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		r.cut(true)
		serving.Wait()
	})
	return r
}

// serve carries connections until the listener is closed.
func (r *relay) serve() {
	var carrying sync.WaitGroup
	defer carrying.Wait()
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.target)
		if err != nil || !r.keep(near, far) {
			_ = errors.Join(near.Close(), closeIf(far))
			continue
		}
		for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
			carrying.Go(func() {
				_, _ = io.Copy(way[0], way[1])
				_ = errors.Join(way[0].Close(), way[1].Close())
			})
		}
	}
}

func closeIf(c net.Conn) error {
	if c == nil {
		return nil
	}
	return c.Close()
}

// keep notes connections to be closed by a cut; false while it is cut.
func (r *relay) keep(connections ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isCut {
		r.open = append(r.open, connections...)
	}
	return !r.isCut
}

// cut ends all connections, and those that come, until it is called with false.
func (r *relay) cut(is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isCut = is
	for _, c := range r.open {
		_ = c.Close() // it may have ended
	}
	r.open = nil
}

// killStandby kills the standby under load: nothing can be acknowledged
// until it is back, and nothing was that only the primary had.
func (c *clusterTrial) killStandby(t *testing.T) {
	t.Helper()
	stop := c.load()
	c.during(func() {
		if err := c.standby.Kill(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // for what had been synchronous before
		before := c.acknowledged()
		time.Sleep(cluster.DefaultLease) // nothing is acknowledged for so long
		if n := c.acknowledged() - before; n > 0 {
			t.Errorf("%d events were acknowledged without a standby", n)
		}
		if err := c.standby.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		c.awaitAcknowledged(1)
		t.Logf("the first event was acknowledged %s after the standby was back", time.Since(back))
	})
	c.wantNobodyDead()
	stop()
	c.audit()
}

// wantNobodyDead checks that no node was taken for dead.
func (c *clusterTrial) wantNobodyDead() {
	c.t.Helper()
	for _, node := range c.nodes {
		if text := node.log.String(); strings.Contains(text, "is dead") || strings.Contains(text, "taken for dead") {
			c.t.Errorf("a node was taken for dead:\n%s", text)
		}
	}
}
