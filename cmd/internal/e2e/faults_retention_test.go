//go:build faults

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

// TestFaultKillInRetention kills the server while it removes what has expired,
// at a sync between two of the reaper's steps. What is pending is older than the
// retention, and must stay with its payload; what was delivered is not sent again.
func TestFaultKillInRetention(t *testing.T) {
	rounds := faults(t, 1, 10)
	t.Parallel() // it waits for a minute
	kinds := []kind{{name: "everything", patterns: []string{"*"}}, fleetKinds[3]}
	c := tryOn(t, startServer(t, "ASTROHOOK_RETENTION=1m"), kinds)
	gone, waiting := c.fleet[0], c.fleet[1]
	c.call(t, http.MethodPost, "/api/webhooks/"+waiting.id+"/pause", nil, nil)
	c.publishUpTo(t, 40_000)
	c.awaitDrained(t, patience, gone.id)
	removable := c.onlyTo(gone, waiting)
	for range rounds {
		c.terminate(t)
		c.again(t) // the reaper begins in a minute
		first := slices.IndexFunc(removable, func(id string) bool { return c.removed(id) != nil })
		awaitFor(t, 2*patience, "the reaper to begin", func() error { return c.removed(removable[first]) })
		if err := c.inject("fdatasync:signal=KILL:when=1"); err != nil {
			t.Fatal(err)
		}
		c.awaitKilled(t)
		c.kills++
		said, code := checkData(t, c.dataDir)
		t.Logf("killed in retention: %s", said)
		if code != 0 {
			t.Errorf("exit code %d of the check", code)
		}
		c.again(t)
		if c.removed(removable[len(removable)-1]) == nil {
			t.Error("everything was removed already: the kill came too late")
		}
	}
	c.call(t, http.MethodPost, "/api/webhooks/"+waiting.id+"/resume", nil, nil)
	c.awaitDrained(t, 2*patience, waiting.id)
	for _, m := range c.fleet {
		c.arrivedOnce(t, m)
	}
}

// onlyTo returns the ids of the acknowledged events that one gets and the other
// does not, in order of acceptance.
func (c *trial) onlyTo(one, other *member) (ids []string) {
	for seq, receipt := range c.ledger.acknowledged {
		if one.gets(seq) && !other.gets(seq) {
			ids = append(ids, receipt.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// removed returns nil if an event is gone.
func (c *trial) removed(id string) error {
	err := c.try(http.MethodGet, "/api/events/"+id, nil, nil)
	switch statusOf(err) {
	case http.StatusNotFound:
		return nil
	case 0:
		return fmt.Errorf("event %s is there", id)
	}
	return err
}

// arrivedOnce checks a subscriber that had no attempt in flight at any kill: it must have
// accepted each acknowledged event once, or been tried as often as is allowed. Unlike the
// audit it does not ask the server, which has removed what expired.
func (c *trial) arrivedOnce(t *testing.T, m *member) {
	t.Helper()
	for _, fault := range m.faults {
		t.Errorf("%s: %s", m.name, fault)
	}
	arrived := map[uint64]*arrival{}
	tried, most := 0, 0
	for _, a := range m.arrived {
		if a.accepted > 1 || a.tried > crashAttempts || arrived[a.seq] != nil {
			t.Errorf("%s: event %d was tried %d times, or in several deliveries", m.name, a.seq, a.tried)
		}
		arrived[a.seq] = a
		tried, most = tried+a.tried, max(most, a.tried)
	}
	owed, failed, lost := 0, 0, 0
	for seq := range c.ledger.acknowledged {
		if !m.gets(seq) {
			continue
		}
		owed++
		switch a := arrived[seq]; {
		case a == nil:
			lost++
		case a.accepted == 0 && a.tried == crashAttempts && m.failing > 0:
			failed++
		case a.accepted == 0:
			lost++
		}
	}
	t.Logf("%s: %d acknowledged, %d of them failed; %d attempts, at most %d for one", m.name, owed, failed, tried, most)
	if lost > 0 {
		t.Errorf("%s: %d acknowledged events did not arrive", m.name, lost)
	}
}
