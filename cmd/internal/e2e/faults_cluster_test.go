//go:build faults

package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cluster"
	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// The tests of a cluster run three nodes, as processes, on a primary with a synchronous
// standby. Publishers go on to the next node when one does not answer. Each test ends in
// the audit of the crash test.

// clusterTrial is a cluster with the crash test's subscribers.
type clusterTrial struct {
	t        *testing.T
	primary  *pgtest.Server
	standby  *pgtest.Server
	nodes    []*server
	ledger   *crashLedger
	fleet    []*member
	pulses   []*pulse        // of the fleet
	proxy    *pgtest.Proxy   // between the first node and the database, if any
	relays   []*relay        // in front of the nodes, if any
	meddlers []*meddler      // the same
	hosts    map[string]host // if each server has one of its own
	kills    int
	database string // its URL on the server that was the primary first
	url      string // names both servers, and takes the one that takes writes
	kinds    []kind // of the subscribers
}

// clusterOptions are what differs from one cluster to the other.
type clusterOptions struct {
	url      string         // of a database that is there; "" for a primary with a standby
	database pgtest.Options // of the primary, which commits to disk in any case
	standby  pgtest.Place
	// node, if any, changes a node before its first start.
	node  func(c *clusterTrial, i int, s *server)
	kinds []kind // of the subscribers; nil for the usual ones
}

// startCluster starts the database and three nodes, and registers the subscribers.
func startCluster(t *testing.T, o clusterOptions) *clusterTrial {
	t.Helper()
	c := &clusterTrial{t: t, kinds: o.kinds}
	if c.kinds == nil {
		c.kinds = fleetKinds
	}
	if c.url = o.url; o.url == "" {
		c.startDatabase(o)
	}
	for i := range 3 {
		s := newServer(t, append(asNode(t, fmt.Sprintf("node-%d", i+1)), "ASTROHOOK_DATABASE_URL="+c.url)...)
		if o.node != nil {
			o.node(c, i, s)
		}
		s.start(t)
		c.nodes = append(c.nodes, s)
	}
	for _, s := range c.nodes {
		s.awaitReady(t)
	}
	c.watchOwners()
	c.register()
	return c
}

// register begins a ledger, with subscribers of its own in place of those before.
func (c *clusterTrial) register() {
	c.t.Helper()
	for _, m := range c.fleet {
		c.nodes[0].call(c.t, "DELETE", "/api/webhooks/"+m.id, nil, nil)
	}
	seed := crashSeed(c.t)
	c.t.Logf("seed %d", seed)
	c.ledger = newCrashLedger(seed, c.kinds)
	c.fleet = startFleet(c.t, c.nodes[0], c.ledger)
	c.kills, c.pulses = 0, nil
	c.watch()
}

// startDatabase starts a primary and its standby, on which nothing is stored yet.
func (c *clusterTrial) startDatabase(o clusterOptions) {
	c.t.Helper()
	ctx := c.t.Context()
	var err error
	o.database.Sync = true
	if c.primary, err = pgtest.Start(ctx, o.database); errors.Is(err, pgtest.ErrMissing) {
		leaveOut(c.t, err.Error())
	} else if err != nil {
		c.t.Fatal(err)
	}
	primary := c.primary // a promotion swaps them
	c.t.Cleanup(func() { _ = primary.Close() })
	if c.database, err = c.primary.Database(ctx); err != nil {
		c.t.Fatal(err)
	}
	if c.standby, err = c.primary.StandbyAt(ctx, o.standby); err != nil {
		c.t.Fatal(err)
	}
	standby := c.standby
	c.t.Cleanup(func() { _ = standby.Close() })
	both := strings.Replace(c.database, c.primary.Address(), c.primary.Address()+","+c.standby.Address(), 1)
	c.url = both + "&target_session_attrs=read-write"
}

// load publishes over all nodes until the function that it returns is called.
func (c *clusterTrial) load() (stop func()) {
	var publishers sync.WaitGroup
	var ended atomic.Bool
	for i := range 8 {
		size := 1
		if i < 1 {
			size = crashBatch
		}
		publishers.Go(func() {
			for at := i; !ended.Load(); {
				p := publisher{api: &c.nodes[at%len(c.nodes)].api, ledger: c.ledger}
				pause := 5 * time.Millisecond // for some 1,000 events a second
				if !p.post(c.t, size) {
					at, pause = at+1, 20*time.Millisecond
				}
				time.Sleep(pause)
			}
		})
	}
	return func() {
		ended.Store(true)
		publishers.Wait()
	}
}

// acknowledged returns how many events were acknowledged.
func (c *clusterTrial) acknowledged() int {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	return len(c.ledger.acknowledged)
}

// awaitAcknowledged waits until so many more events are acknowledged.
func (c *clusterTrial) awaitAcknowledged(more int) {
	c.t.Helper()
	want := c.acknowledged() + more
	await(c.t, "events to be acknowledged", func() error {
		if n := c.acknowledged(); n < want {
			return fmt.Errorf("%d of %d", n, want)
		}
		return nil
	})
}

// awaitBalanced waits until each node has its share of the parts.
func (c *clusterTrial) awaitBalanced() {
	c.t.Helper()
	awaitShares(c.t, c.nodes)
}

// pulse is how regularly a subscriber gets deliveries.
type pulse struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration // between two of them
}

// watch begins to follow the subscribers. Nothing may be published yet.
func (c *clusterTrial) watch() {
	for _, m := range c.fleet {
		p := &pulse{last: time.Now()}
		c.pulses = append(c.pulses, p)
		m.beforeAnswer = p.beat
	}
}

func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.longest, p.last = max(p.longest, now.Sub(p.last)), now
}

// restart begins with a new longest time.
func (p *pulse) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.longest = 0
}

// since returns the longest time without a delivery, the time since the last one included.
func (p *pulse) since() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.longest, time.Since(p.last))
}

// during does something to the cluster under load, waits until the nodes have their shares
// again, and returns the longest time for which any subscriber got nothing meanwhile.
func (c *clusterTrial) during(what func()) (longest time.Duration) {
	c.t.Helper()
	c.awaitAcknowledged(500)
	for _, p := range c.pulses {
		p.restart()
	}
	what()
	time.Sleep(time.Second) // so that what follows is seen: each subscriber gets hundreds a second
	for _, p := range c.pulses {
		longest = max(longest, p.since())
	}
	return longest
}

// audit waits until everything is delivered, and accounts for it.
func (c *clusterTrial) audit() {
	c.t.Helper()
	for _, e := range c.fleet {
		c.nodes[0].awaitDrained(c.t, 2*patience, e.id)
	}
	c.t.Logf("%d events posted, %d acknowledged", c.ledger.posted(), c.acknowledged())
	for _, e := range c.fleet {
		audit{c.t, c.nodes[0], c.ledger, e}.run(c.kills)
	}
	c.auditOwners()
}

// awaitTaken waits until the nodes that run have all parts, as a node sees it.
func (c *clusterTrial) awaitTaken(by *server, nodes int) {
	c.t.Helper()
	await(c.t, "the parts to be taken", func() error { return allOf(by, nodes) })
}

// next returns the node after one.
func (c *clusterTrial) next(i int) *server { return c.nodes[(i+1)%len(c.nodes)] }

// TestFaultClusterNodes has nodes die, stop, and be cut off the database and one another.
func TestFaultClusterNodes(t *testing.T) {
	c := startCluster(t, clusterOptions{node: throughProxies(t)}) // parts move meanwhile, too
	c.run("killed", c.killNodes)
	c.run("stopped", c.stopNodes)
	c.run("cut off one another", c.cutFromNodes)
	c.run("cut off the database", c.cutFromDatabase)
}

// TestFaultClusterDatabase has the nodes restart one after the other, and the database stop,
// lose its standby, and fail over again and again. No attempt is cut off: nothing arrives
// twice.
func TestFaultClusterDatabase(t *testing.T) {
	c := startCluster(t, clusterOptions{})
	c.run("rolling restart", c.restartNodes)
	c.run("stopped", c.stopDatabase)
	c.run("standby killed", c.killStandby)
	c.run("primary and standby killed in turn", c.killInTurn)
	c.run("the audit sees a stranger", c.seeStranger)
}

// run runs one part of a test on the cluster, unless an earlier one has failed.
func (c *clusterTrial) run(name string, part func(*testing.T)) {
	whole := c.t
	defer func() { c.t = whole }()
	if !whole.Failed() {
		whole.Run(name, func(t *testing.T) {
			c.t = t
			part(t)
		})
	}
}

// killNodes kills nodes that deliver to somebody, one after the other, under load, while the
// parts of the one before still move.
func (c *clusterTrial) killNodes(t *testing.T) {
	t.Helper()
	c.inBlocks(faults(t, 1, 100), func() {
		for range faults(t, 1, 10) {
			c.killNode(t, c.ownerOf(rand.IntN(len(c.fleet))))
		}
	})
}

// inBlocks does something under load, and audits what came of it, again and again, each
// time with a ledger of its own: one for hours would grow with them.
func (c *clusterTrial) inBlocks(blocks int, what func()) {
	c.t.Helper()
	for block := range blocks {
		if block > 0 {
			c.register()
		}
		stop := c.load()
		what()
		stop()
		c.audit()
	}
}

// killNode kills a node and starts it again.
func (c *clusterTrial) killNode(t *testing.T, victim int) {
	t.Helper()
	longest := c.during(func() {
		c.nodes[victim].kill()
		c.kills++
		c.awaitTaken(c.next(victim), len(c.nodes)-1)
	})
	c.wantGap(fmt.Sprintf("node %d killed", victim+1), longest)
	c.nodes[victim].start(t)
	c.nodes[victim].awaitReady(t)
}

// wantGap logs the longest time for which a subscriber got nothing. On a quiet machine it is
// within 8 s; how long a busy one takes decides nothing.
func (c *clusterTrial) wantGap(what string, longest time.Duration) {
	c.t.Helper()
	c.t.Logf("%s: no subscriber got nothing for longer than %s", what, longest.Round(time.Millisecond))
	if longest > patience {
		c.t.Errorf("%s: a subscriber got nothing for %s", what, longest)
	}
}

// stopNodes stops a node for two leases, as a paused machine, and lets it
// continue. It was taken for dead: nothing that it had in mind is recorded, and it joins
// again by itself.
func (c *clusterTrial) stopNodes(t *testing.T) {
	t.Helper()
	c.inBlocks(faults(t, 1, 10), func() {
		for range faults(t, 1, 10) {
			victim := c.ownerOf(rand.IntN(len(c.fleet)))
			longest := c.during(func() {
				c.nodes[victim].signal(t, syscall.SIGSTOP)
				time.Sleep(2 * cluster.DefaultLease) // the node does nothing for so long
				c.awaitTaken(c.next(victim), len(c.nodes)-1)
				c.nodes[victim].signal(t, syscall.SIGCONT)
				c.kills++
			})
			c.wantGap(fmt.Sprintf("node %d stopped", victim+1), longest)
			c.nodes[victim].awaitReady(t)
		}
	})
}

// restartNodes ends each node by SIGTERM under load, and starts it again:
// its parts are handed over, so that nothing arrives twice, and nobody waits for a lease.
func (c *clusterTrial) restartNodes(t *testing.T) {
	t.Helper()
	rounds := faults(t, 1, 20)
	stop := c.load()
	for range rounds {
		for i, node := range c.nodes {
			longest := c.during(func() {
				node.signal(t, syscall.SIGTERM)
				if code := node.awaitExit(t); code != 0 {
					t.Errorf("node %d ended with code %d", i+1, code)
				}
				c.awaitTaken(c.next(i), len(c.nodes)-1)
			})
			t.Logf("node %d restarted: no subscriber got nothing for longer than %s", i+1, longest)
			node.start(t)
			node.awaitReady(t)
		}
	}
	c.awaitBalanced()
	stop()
	c.audit() // no kills: nothing arrives twice
}
