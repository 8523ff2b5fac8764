//go:build faults

package e2e

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cluster"
	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// TestFaultClusterClock steps the wall clock of a running node, and that of the database, by
// an hour forwards and backwards. Nobody is taken for dead, and nothing arrives twice:
// leases count by clocks that do not step. No attempt fails: a retry that is scheduled by a
// wrong clock may wait for an hour.
func TestFaultClusterClock(t *testing.T) {
	program, err := clockBinary()
	if err != nil {
		t.Fatal(err)
	}
	wall := newWallClock(t)
	c := startCluster(t, clusterOptions{
		database: pgtest.Options{Env: wall.env},
		kinds:    slices.DeleteFunc(slices.Clone(fleetKinds), func(k kind) bool { return k.failing > 0 }),
		node: func(_ *clusterTrial, _ int, s *server) {
			s.binary, s.token = program, mintFor(t, 100*year, "operator", "admin")
			s.env = append(s.env, "CLOCK_FILE="+s.clockFile())
			s.setClock(t, 0)
		},
	})
	for range faults(t, 1, 20) {
		for name, apart := range map[string]time.Duration{"an hour ahead": time.Hour, "an hour behind": -time.Hour} {
			c.run("node "+name, func(t *testing.T) { c.stepNode(t, apart) })
			c.run("database "+name, func(t *testing.T) { c.stepDatabase(t, wall, apart) })
		}
	}
}

// stepNode steps the clock of the node that delivers most, and back. It refuses publishers
// meanwhile, and delivers.
func (c *clusterTrial) stepNode(t *testing.T, apart time.Duration) {
	t.Helper()
	victim := c.ownerOf(1)
	node := c.nodes[victim]
	stop := c.load()
	c.during(func() {
		node.stepClock(t, apart)
		c.awaitRefusal(node)
		took := c.publishOne(c.next(victim))
		t.Logf("an event was delivered after %s", took)
		node.stepClock(t, 0)
		c.awaitAccepted(node)
	})
	stop()
	c.wantNobodyDead()
	c.audit()
}

// stepDatabase steps the clock of the primary and the standby, and back. All nodes refuse
// publishers meanwhile.
func (c *clusterTrial) stepDatabase(t *testing.T, wall *wallClock, apart time.Duration) {
	t.Helper()
	stop := c.load()
	c.during(func() {
		wall.step(t, apart)
		for _, node := range c.nodes {
			c.awaitRefusal(node)
		}
		time.Sleep(cluster.DefaultLease) // so long a node would have to be silent to be dead
		wall.step(t, 0)
		for _, node := range c.nodes {
			c.awaitAccepted(node)
		}
	})
	stop()
	c.wantNobodyDead()
	c.audit()
}

// awaitRefusal waits until a node answers publishers with 503.
func (c *clusterTrial) awaitRefusal(node *server) {
	c.t.Helper()
	await(c.t, "a node to refuse events", func() error { return refusesWithRetryAfter(node) })
}

// awaitAccepted waits until a node has accepted an event.
func (c *clusterTrial) awaitAccepted(node *server) {
	c.t.Helper()
	p := publisher{api: &node.api, ledger: c.ledger}
	await(c.t, "a node to accept events again", func() error {
		if !p.post(c.t, 1) {
			return errors.New("it refuses")
		}
		return nil
	})
}

// wallClock is the clock of programs that are not ours.
type wallClock struct {
	env  []string // of the programs
	file *os.File
}

// newWallClock returns a clock that is right.
func newWallClock(t *testing.T) *wallClock {
	t.Helper()
	dir := publicDir(t)
	library := filepath.Join(dir, "wall.so")
	source := filepath.Join("testdata", "clock", "wall.c")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-O2", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("compile %s: %v\n%s", source, err, out)
	}
	file, err := os.Create(filepath.Join(dir, "step"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	w := &wallClock{env: []string{"LD_PRELOAD=" + library, "WALL_STEP=" + file.Name()}, file: file}
	w.step(t, 0)
	return w
}

// step sets the clock apart from the right time.
func (w *wallClock) step(t *testing.T, apart time.Duration) {
	t.Helper()
	if _, err := w.file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(apart/time.Second)), 0); err != nil {
		t.Fatal(err)
	}
}
