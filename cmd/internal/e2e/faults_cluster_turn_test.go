//go:build faults

package e2e

import (
	"testing"
	"time"
)

// killInTurn kills the standby, and then the primary, under load, again and again. The
// standby comes back as it was; it is promoted when the primary dies, and the former
// primary becomes the standby of the next round.
func (c *clusterTrial) killInTurn(t *testing.T) {
	t.Helper()
	c.inBlocks(faults(t, 1, 10), func() {
		for range faults(t, 2, 10) {
			c.during(func() {
				c.bounceStandby(t)
				c.failOver(t)
			})
		}
	})
	c.wantNobodyDead()
}

// bounceStandby kills the standby and starts it again.
func (c *clusterTrial) bounceStandby(t *testing.T) {
	t.Helper()
	if err := c.standby.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // commits wait meanwhile
	if err := c.standby.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.awaitAcknowledged(100)
}

// failOver kills the primary and promotes its standby, which is the primary from then on,
// and makes the former primary its standby.
func (c *clusterTrial) failOver(t *testing.T) {
	t.Helper()
	if err := c.primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	promoted := time.Now()
	c.awaitAcknowledged(1)
	t.Logf("the first event was acknowledged %s after the promotion", time.Since(promoted))
	c.primary, c.standby = c.standby, c.primary
	if err := c.standby.Follow(t.Context(), c.primary); err != nil {
		t.Fatal(err)
	}
	c.awaitAcknowledged(100)
}
