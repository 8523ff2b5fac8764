//go:build faults

package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// The tests of a cluster run three nodes, as processes, on a primary with a synchronous
// standby. Publishers go on to the next node when one does not answer. Each test ends in
// the audit of the crash test.

// clusterSecret is what the nodes here recognise one another by.
const clusterSecret = "a secret for nothing but the nodes of these tests"

// clusterTrial is a cluster with the crash test's subscribers.
type clusterTrial struct {
	t        *testing.T
	primary  *pgtest.Server
	standby  *pgtest.Server
	nodes    []*server
	ledger   *crashLedger
	fleet    []*member
	kills    int
	database string // its URL on the primary
}

// startCluster starts the database and nodes, and registers the subscribers.
func startCluster(t *testing.T, nodes int, env ...string) *clusterTrial {
	t.Helper()
	c := &clusterTrial{t: t}
	c.startDatabase()
	for i := range nodes {
		s := newServer(t, append([]string{
			"ASTROHOOK_DATABASE_URL=" + c.url(), "ASTROHOOK_CLUSTER_LISTEN=" + reserveAddress(t),
			"ASTROHOOK_CLUSTER_SECRET=" + clusterSecret, fmt.Sprintf("ASTROHOOK_NODE_NAME=node-%d", i+1),
		}, env...)...)
		s.start(t)
		c.nodes = append(c.nodes, s)
	}
	for _, s := range c.nodes {
		s.awaitReady(t)
	}
	seed := crashSeed(t)
	t.Logf("seed %d", seed)
	c.ledger = newCrashLedger(seed, fleetKinds)
	c.fleet = startFleet(t, c.nodes[0], c.ledger)
	c.awaitBalanced()
	return c
}

// startDatabase starts a primary and its standby, on which nothing is stored yet.
func (c *clusterTrial) startDatabase() {
	c.t.Helper()
	ctx := c.t.Context()
	var err error
	if c.primary, err = pgtest.Start(ctx, pgtest.Options{Sync: true}); errors.Is(err, pgtest.ErrMissing) {
		leaveOut(c.t, err.Error())
	} else if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = c.primary.Close() })
	if c.database, err = c.primary.Database(ctx); err != nil {
		c.t.Fatal(err)
	}
	if c.standby, err = c.primary.Standby(ctx); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = c.standby.Close() })
}

// url names both servers, and takes the one that takes writes.
func (c *clusterTrial) url() string {
	return strings.Replace(c.database, c.primary.Address(), c.primary.Address()+","+c.standby.Address(), 1) + "&target_session_attrs=read-write"
}

// load publishes over all nodes until the function that it returns is called.
func (c *clusterTrial) load() (stop func()) {
	var publishers sync.WaitGroup
	var ended atomic.Bool
	for i := range 12 {
		size := 1
		if i < 2 {
			size = crashBatch
		}
		publishers.Go(func() {
			for at := i; !ended.Load(); {
				p := publisher{api: &c.nodes[at%len(c.nodes)].api, ledger: c.ledger}
				if !p.post(c.t, size) {
					at++
					time.Sleep(20 * time.Millisecond) // as a publisher waits that was refused
				}
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

// nodeList is the answer of GET /api/nodes.
type nodeList struct {
	Data []struct {
		Name    string `json:"name"`
		Alive   bool   `json:"alive"`
		Leaving bool   `json:"leaving"`
		Parts   int    `json:"parts"`
	} `json:"data"`
	Free int `json:"free_parts"`
}

// listOf returns the nodes as one of them sees them.
func listOf(s *server) (list nodeList, err error) {
	err = s.try(http.MethodGet, "/api/nodes", nil, &list)
	return list, err
}

// awaitBalanced waits until each node that runs has its share of the parts.
func (c *clusterTrial) awaitBalanced() {
	c.t.Helper()
	await(c.t, "the parts to be balanced", func() error {
		list, err := listOf(c.nodes[0])
		if err != nil {
			return err
		}
		if list.Free > 0 || len(list.Data) != len(c.nodes) {
			return fmt.Errorf("%+v", list)
		}
		for _, n := range list.Data {
			if most := (256 + len(c.nodes) - 1) / len(c.nodes); !n.Alive || n.Parts > most {
				return fmt.Errorf("%+v", list)
			}
		}
		return nil
	})
}

// publishOne publishes one event on a node and waits until every subscriber that it is for
// has got it. It returns how long that took.
func (c *clusterTrial) publishOne(s *server) time.Duration {
	c.t.Helper()
	began := time.Now()
	seq := c.ledger.issue(1)
	var got accepted
	await(c.t, "an event to be accepted", func() (err error) {
		got, err = s.publish(eventTypeOf(seq), c.ledger.data(seq))
		return err
	})
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
}

// TestFaultClusterNodeKilled kills one node after the other under load. Its endpoints are
// delivered to again within 8 s of the kill: the lease, a look, and what follows.
func TestFaultClusterNodeKilled(t *testing.T) {
	rounds := faults(t, 2, 1000)
	c := startCluster(t, 3)
	stop := c.load()
	for range rounds {
		c.awaitAcknowledged(500)
		victim := rand.IntN(len(c.nodes))
		c.nodes[victim].kill()
		c.kills++
		took := c.publishOne(c.nodes[(victim+1)%len(c.nodes)])
		t.Logf("node %d killed: every endpoint is delivered to after %s", victim+1, took)
		if took > 8*time.Second {
			t.Errorf("node %d killed: the last endpoint was delivered to after %s", victim+1, took)
		}
		c.nodes[victim].start(t)
		c.nodes[victim].awaitReady(t)
		c.awaitBalanced()
	}
	stop()
	c.audit()
}
