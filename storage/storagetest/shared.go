package storagetest

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// SharedBackend is a kind of store that several processes write to at a time.
type SharedBackend struct {
	Backend
	// Shared returns what nodes ask of a store that Open returned.
	Shared func(storage.Store) storage.Shared
	// Network makes the network between the store of a Config and its records, before
	// Open is called with that Config.
	Network func(Config) Network
}

// Network fails on command, for one store alone.
type Network interface {
	// LoseAnswers lets the next commits happen and ends the connection of each in place
	// of the answer.
	LoseAnswers(commits int)
	// BreakOff ends the connection in the middle of each of the next commits: they do not
	// happen.
	BreakOff(commits int)
	// Stall carries half of the next commit, and then nothing until Mend; connections
	// stay open.
	Stall()
	// Cut ends all connections, and lets none be opened until Mend.
	Cut()
	// Mend ends Stall and Cut. What was held back arrives late.
	Mend()
	// Met returns how many commits LoseAnswers, BreakOff and Stall have met.
	Met() int
}

// RunShared checks what package storage promises of stores that share their records, and
// of storage.Shared.
func RunShared(t *testing.T, b SharedBackend) {
	for group, tests := range map[string][]sharedTest{
		"stores":  storesTests,
		"version": versionTests,
		"nodes":   nodesTests,
		"fence":   fenceTests,
		"network": networkTests,
	} {
		t.Run(group, func(t *testing.T) {
			for _, one := range tests {
				t.Run(one.name, func(t *testing.T) {
					t.Parallel()
					c := &cluster{T: t, backend: b, config: Config{Dir: t.TempDir(), Retention: defaultRetention, Test: t}}
					one.run(c)
				})
			}
		})
	}
}

// sharedTest is one property. Its name completes the sentence "stores that share their
// records …".
type sharedTest struct {
	name string
	run  func(*cluster)
}

// cluster opens stores on the same records.
type cluster struct {
	*testing.T
	backend SharedBackend
	config  Config
	opened  int
}

// node is one of these stores.
type node struct {
	*fixture
	storage.Shared
	network     Network
	incarnation storage.Incarnation // set by join
}

// lease is what nodes ask for that are not meant to lose theirs.
const lease = time.Minute

// node opens another store. Its IDs differ from those of the others by their nonce.
func (c *cluster) node() *node {
	c.Helper()
	config := c.config
	config.Node = c.opened
	c.opened++
	f := newFixture(c.T, c.backend.Backend, config)
	f.nonce += uint32(config.Node)
	n := &node{fixture: f}
	if c.backend.Network != nil {
		n.network = c.backend.Network(f.config)
		f.config.Network = n.network
	}
	f.open()
	n.Shared = c.backend.Shared(f.Store)
	c.Cleanup(func() { _ = f.Close() }) // of a fenced or broken one it may fail
	return n
}

// two opens two stores.
func (c *cluster) two() (a, b *node) {
	c.Helper()
	return c.node(), c.node()
}

// joined opens two stores that join as nodes.
func (c *cluster) joined() (a, b *node) {
	c.Helper()
	a, b = c.two()
	a.join("a", lease)
	b.join("b", lease)
	return a, b
}

// join makes the store a node, and takes a lease.
func (n *node) join(name string, lease time.Duration) {
	n.Helper()
	i, err := n.Join(n.Context(), storage.NodeInfo{Name: name, Address: name + ":8094", Version: "1"})
	n.must(err)
	n.incarnation = i
	n.beat(storage.Beat{Lease: lease})
}

// beat sends a heartbeat.
func (n *node) beat(b storage.Beat) storage.Cluster {
	n.Helper()
	c, err := n.Heartbeat(n.Context(), b)
	n.must(err)
	return c
}

// expired lets the node's lease end, by the clock of the records.
func (n *node) expired() {
	n.Helper()
	n.beat(storage.Beat{Lease: time.Millisecond})
	time.Sleep(20 * time.Millisecond)
}

// version returns the version of the registrations.
func (n *node) version() uint64 {
	n.Helper()
	c, err := n.Changes(n.Context(), 0, func(webhook.Endpoint) error { return nil })
	n.must(err)
	return c.Version
}

// acceptMatched stores events that were matched with a version, and waits.
func (n *node) acceptMatched(version uint64, events ...webhook.Event) ([]webhook.Receipt, error) {
	return (<-n.accepting(version, events...)).unpack()
}

// accepted is what became of a call to Accept.
type accepted struct {
	receipts []webhook.Receipt
	err      error
}

func (a accepted) unpack() ([]webhook.Receipt, error) { return a.receipts, a.err }

// accepting hands events over, and returns where the result arrives.
func (n *node) accepting(version uint64, events ...webhook.Event) <-chan accepted {
	done := make(chan accepted, 1)
	n.Accept(events, version, func(r []webhook.Receipt, err error) { done <- accepted{r, err} })
	return done
}

// settling hands the outcome of an attempt over, and returns where the result arrives.
func (n *node) settling(was webhook.Delivery, code int) (webhook.Delivery, <-chan error) {
	now := was.Attempted(n.attempt(code), webhook.DefaultSettings().Retry, 0)
	now.AttemptLog = now.AttemptLog[len(now.AttemptLog)-1:]
	done := make(chan error, 1)
	n.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
	return now, done
}
