//go:build faults

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/cmd/internal/cluster"
	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// TestFaultClusterNetwork has each server on a host of its own, and cuts cables between
// them: packets vanish, and nobody is told. Each cut is made under load, in the middle of a
// batch of events that has half arrived, and healed again.
func TestFaultClusterNetwork(t *testing.T) {
	if !inside(t) {
		return
	}
	hosts := layNetwork(t)
	c := startCluster(t, clusterOptions{
		database: pgtest.Options{Place: hosts["primary"].place()},
		standby:  hosts["standby"].place(),
		node:     func(_ *clusterTrial, i int, s *server) { hosts[hostNames[i]].move(s) },
	})
	c.hosts = hosts
	c.ledger.least = 1000 // so that half of a batch is a lot
	for range faults(t, 1, 20) {
		c.run("primary from standby", c.cutFromStandby)
		c.run("node from node", c.cutCables)
		c.run("node from database", c.cutFromPrimary)
	}
}

// batchHalf is about half of what a batch of batchSize events takes on the way.
const (
	batchSize = 1000
	batchHalf = batchSize * 1000 / 2
)

// cutInBatch publishes a batch on a node and cuts cables once half of it has passed a host,
// from it or towards it. The function that it returns waits for the answer, if any.
func (c *clusterTrial) cutInBatch(by *server, at host, towards bool, pairs ...[2]host) (answered func()) {
	c.t.Helper()
	fast := at.slowly(c.t, towards)
	before := at.passed(c.t, towards)
	var batch sync.WaitGroup
	batch.Go(func() {
		p := publisher{api: &by.api, ledger: c.ledger}
		p.post(c.t, batchSize) // whether it was acknowledged is in the ledger
	})
	await(c.t, "half of a batch to pass", func() error {
		if n := at.passed(c.t, towards) - before; n < batchHalf {
			return fmt.Errorf("%d bytes", n)
		}
		return nil
	})
	for _, pair := range pairs {
		cut(c.t, pair[0], pair[1])
	}
	fast()
	return batch.Wait
}

// mend heals what cutInBatch has cut.
func (c *clusterTrial) mend(pairs ...[2]host) {
	c.t.Helper()
	for _, pair := range pairs {
		heal(c.t, pair[0], pair[1])
	}
}

// cutFromPrimary cuts the node off the database that delivers most. The others take over,
// and it joins again by itself.
func (c *clusterTrial) cutFromPrimary(t *testing.T) {
	t.Helper()
	victim := c.ownerOf(1)
	node, at := c.nodes[victim], c.hosts[hostNames[victim]]
	pairs := [][2]host{{at, c.hosts["primary"]}, {at, c.hosts["standby"]}}
	stop := c.load()
	c.during(func() {
		answered := c.cutInBatch(node, at, false, pairs...)
		await(t, "the node not to be ready", func() error {
			if node.try("GET", "/readyz", nil, nil) == nil {
				return errReady
			}
			return nil
		})
		c.awaitTaken(c.next(victim), 2)
		c.kills++
		if err := node.try("GET", "/api/webhooks", nil, nil); statusOf(err) != 503 {
			t.Errorf("the node answers with %v", err)
		}
		c.mend(pairs...)
		node.awaitReady(t)
		answered()
	})
	stop()
	c.audit()
}

// cutCables cuts the nodes off one another while the hints of a batch are on their way.
// Nobody is taken for dead, and everything is delivered.
func (c *clusterTrial) cutCables(t *testing.T) {
	t.Helper()
	owner := c.ownerOf(1)
	var pairs [][2]host
	for i := range c.nodes {
		pairs = append(pairs, [2]host{c.hosts[hostNames[i]], c.hosts[hostNames[(i+1)%len(c.nodes)]]})
	}
	stop := c.load()
	c.during(func() {
		answered := c.cutInBatch(c.next(owner), c.hosts[hostNames[owner]], true, pairs...)
		took := c.publishOne(c.next(owner))
		t.Logf("an event was delivered after %s without hints", took)
		c.awaitTaken(c.nodes[0], 3)
		c.mend(pairs...)
		answered()
	})
	stop()
	c.wantNobodyDead()
	c.audit()
}

// cutFromStandby cuts the primary off its standby while half of a batch has reached it.
// Nothing is acknowledged that only the primary has.
func (c *clusterTrial) cutFromStandby(t *testing.T) {
	t.Helper()
	primary := c.hosts["primary"]
	pairs := [][2]host{{primary, c.hosts["standby"]}}
	stop := c.load()
	c.during(func() {
		answered := c.cutInBatch(c.nodes[0], primary, false, pairs...)
		time.Sleep(2 * time.Second) // for what had been synchronous before
		before := c.acknowledged()
		time.Sleep(cluster.DefaultLease) // nothing is acknowledged for so long
		if n := c.acknowledged() - before; n > 0 {
			t.Errorf("%d events were acknowledged without a standby", n)
		}
		c.mend(pairs...)
		c.awaitAcknowledged(1)
		answered()
	})
	stop()
	c.wantNobodyDead()
	c.audit()
}

// ownerOf returns the number of the node that delivers to a subscriber.
func (c *clusterTrial) ownerOf(subscriber int) (node int) {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close(c.t.Context()) }()
	var name string
	await(c.t, "somebody to own a part", func() error { // between two owners it is nobody's
		return conn.QueryRow(c.t.Context(), `SELECT n.name FROM node n JOIN partition p ON p.owner = n.incarnation
			WHERE p.part = ((SELECT max(number) FROM endpoint) - $1) % 256`, len(c.fleet)-1-subscriber).Scan(&name)
	})
	for i := range c.nodes {
		if strings.HasSuffix(name, fmt.Sprint(i+1)) {
			return i
		}
	}
	c.t.Fatalf("the node %s is none of this test", name)
	return 0
}
