package cluster

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// script drives a core by hand: node 1 of a cluster at a steady time.
type script struct {
	*core
	t    *testing.T
	at   steady
	view storage.Cluster
}

func newScript(t *testing.T) *script {
	s := &script{core: newCore(1, timingOf(DefaultLease)), t: t, at: time.Hour}
	s.view.Now = time.Unix(1e9, 0)
	return s
}

// beat passes a second, and confirms a heartbeat while some nodes' leases hold.
func (s *script) beat(alive ...storage.Incarnation) {
	s.at += time.Second
	s.view.Now = s.view.Now.Add(time.Second)
	s.view.Nodes = nil
	for _, n := range alive {
		s.view.Nodes = append(s.view.Nodes, storage.Node{
			Incarnation: n, Beat: storage.Beat{Lease: DefaultLease}, Expires: s.view.Now.Add(DefaultLease),
		})
	}
	s.confirmed(s.at, s.view)
}

// own makes a node the owner of every part in the database.
func (s *script) own(n storage.Incarnation) {
	for i := range s.view.Parts {
		s.view.Parts[i] = storage.Ownership{Owner: n, Epoch: s.view.Parts[i].Epoch + 1}
	}
}

func (s *script) want(reason string, got webhook.Parts, want int) {
	s.t.Helper()
	if got.Len() != want {
		s.t.Errorf("%s: %d parts, want %d", reason, got.Len(), want)
	}
}

// TestReleaseIsFinal releases a part to a node that dies before anybody knows whether it got
// it. The part is not simply kept: the release may take effect late.
func TestReleaseIsFinal(t *testing.T) {
	s := newScript(t)
	s.own(1)
	s.beat(1, 2)
	o := s.decide(s.at)
	s.want("moves of the first second", o.drain, movesPerSecond)
	var given webhook.Part
	for given = range o.drain.All {
		break
	}
	s.drained(given)
	if o = s.decide(s.at); len(o.release) != 1 || o.release[0].to != 2 {
		t.Fatalf("orders %+v", o)
	}
	s.released(s.at+1, o.release[0], false)
	if o = s.decide(s.at); len(o.release) > 0 {
		t.Error("a release is repeated before a heartbeat has shown what became of it")
	}
	s.beat(1) // node 2 has gone, and the part is still this node's
	o = s.decide(s.at)
	s.want("kept although it may be released late", o.resume, 0)
	if len(o.release) != 1 || o.release[0].to != 0 || !o.release[0].parts.Has(given) {
		t.Fatalf("orders %+v", o)
	}
	s.released(s.at, o.release[0], true)
	s.view.Parts[given] = storage.Ownership{Epoch: 9}
	s.beat(1)
	o = s.decide(s.at)
	s.want("claimed once it is free", o.free, 1)
}

// TestDrainedIsKept drains a part for a node that dies before the release: it is kept.
func TestDrainedIsKept(t *testing.T) {
	s := newScript(t)
	s.own(1)
	s.beat(1, 2)
	o := s.decide(s.at)
	s.beat(1)
	for p := range o.drain.All {
		s.drained(p)
	}
	s.want("kept", s.decide(s.at).resume, movesPerSecond)
	if s.drained(0) {
		t.Error("a part that does not drain has drained")
	}
}

// TestOrphansAreFenced finds parts of a node that is not there at all.
func TestOrphansAreFenced(t *testing.T) {
	s := newScript(t)
	s.own(7)
	s.beat(1)
	if o := s.decide(s.at); len(o.fence) > 0 {
		t.Error("a node fences with its first heartbeat")
	}
	for range 5 {
		s.beat(1)
	}
	o := s.decide(s.at)
	if len(o.fence) != 1 || o.fence[0] != 7 {
		t.Fatalf("orders %+v", o)
	}
	s.fencing(s.at+1, 7)
	if o := s.decide(s.at); len(o.fence) > 0 {
		t.Error("a node is fenced twice within one heartbeat")
	}
	s.beat(1)
	if o := s.decide(s.at); len(o.fence) != 1 {
		t.Error("a node is not fenced again although it still has parts")
	}
}

// TestNothingWithoutLease lets the lease end.
func TestNothingWithoutLease(t *testing.T) {
	s := newScript(t)
	s.beat(1)
	s.want("free parts", s.decide(s.at).free, webhook.PartCount)
	s.want("free parts without a lease", s.decide(s.at+4*time.Second).free, 0)
	s.claimed(s.at, webhook.AllParts(), webhook.AllParts())
	s.want("lost when it is fenced", s.cutOff(), webhook.PartCount)
	s.want("claimed late by a fenced node", s.claimed(s.at, webhook.AllParts(), webhook.AllParts()), 0)
}

// TestOldHeartbeats confirms heartbeats that were sent before a claim and a release.
func TestOldHeartbeats(t *testing.T) {
	s := newScript(t)
	s.beat(1)
	free := s.view
	s.claimed(s.at+10, webhook.AllParts(), webhook.AllParts())
	gained, lost := s.confirmed(s.at+5, free)
	s.want("lost by an old heartbeat", lost, 0)
	s.want("gained by an old heartbeat", gained, 0)
	s.own(1)
	owned := s.view
	s.released(s.at+30, handover{parts: webhook.AllParts(), to: 2}, true)
	gained, _ = s.confirmed(s.at+20, owned)
	s.want("gained by a heartbeat from before the release", gained, 0)
	s.want("claims by it", s.decide(s.at+30).free, 0)
	s.own(3)
	s.beat(1, 3)
	gained, lost = s.confirmed(s.at, s.view)
	s.want("gained of another's", gained, 0)
	s.want("lost of another's", lost, 0)
}

// TestLost shows what this node had as another's, without a release.
func TestLost(t *testing.T) {
	s := newScript(t)
	s.own(1)
	s.beat(1, 2)
	s.own(2)
	_, lost := s.confirmed(s.at+1, s.view)
	s.want("lost", lost, webhook.PartCount)
}

// TestAwaitApplied waits for two nodes: one says itself that it has applied the version,
// the other by a heartbeat. A third one's lease ends.
func TestAwaitApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDatabase(t, 1)
		join := func(name string, applied func() uint64) *Node {
			p := &gate{}
			n, err := Join(t.Context(), Options{
				Store: &session{database: d, gate: p}, Info: storage.NodeInfo{Name: name}, Applied: applied,
				Clock: func() time.Duration { return time.Since(d.began) }, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			n.Serve(&process{session: &session{database: d, gate: p}, node: n, moves: &moments{}}, noPeers{})
			if err := n.AwaitServing(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { n.end(); n.loops.Wait() })
			return n
		}
		none := func() uint64 { return 0 }
		version := uint64(0)
		asking, quick := join("asking", none), join("quick", none)
		beating := join("beating", func() uint64 {
			d.mu.Lock()
			defer d.mu.Unlock()
			return version
		})
		dead := join("dead", none)
		dead.end()
		dead.loops.Wait()
		if err := asking.AwaitApplied(t.Context(), 0); err != nil {
			t.Error(err)
		}
		began := time.Now()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := asking.AwaitApplied(short, 7); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody has applied it: %v", err)
		}
		d.set(func() { version = 7 })
		asking.PeerApplied(quick.Self(), 7)
		asking.PeerApplied(99, 7)
		if err := asking.AwaitApplied(t.Context(), 7); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < DefaultLease-time.Second || took > DefaultLease+time.Second {
			t.Errorf("the answer came after %s, the dead node's lease ends after %s", took, DefaultLease)
		}
		if statuses, free := asking.Statuses(); len(statuses) < 3 {
			t.Errorf("%d nodes, %d free parts", len(statuses), free.Len())
		}
		_ = beating
	})
}

// TestReady follows what a balancer reads of a node.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDatabase(t, 1)
		n, err := Join(t.Context(), Options{
			Store: &session{database: d, gate: &gate{}}, Clock: func() time.Duration { return time.Since(d.began) },
			Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := func(reason string, ready, publish error) {
			t.Helper()
			if got := n.Ready(); !errors.Is(got, ready) {
				t.Errorf("%s: ready %v, want %v", reason, got, ready)
			}
			if got := n.MayPublish(); !errors.Is(got, publish) {
				t.Errorf("%s: may publish %v, want %v", reason, got, publish)
			}
		}
		want("before it serves", errStarting, nil)
		p := &process{session: &session{database: d, gate: &gate{}}, node: n, moves: &moments{}}
		n.Serve(p, noPeers{})
		time.Sleep(2 * time.Second)
		want("while it serves", nil, nil)
		d.set(func() { d.step = time.Minute })
		time.Sleep(2 * time.Second)
		if n.Ready() == nil || n.MayPublish() == nil {
			t.Error("a node with a wrong clock is ready")
		}
		d.set(func() { d.step = 0 })
		time.Sleep(2 * time.Second)
		d.set(func() { d.down = true })
		time.Sleep(DefaultLease)
		want("without a lease", errNoLease, errNoLease)
		d.set(func() { d.down = false })
		time.Sleep(2 * time.Second)
		want("with it again", nil, nil)
		if owner, known := n.Lookup(n.OwnerOf(3)); !known || owner.Incarnation != n.Self() || len(n.Others()) != 0 {
			t.Errorf("part 3 is %v's", owner)
		}
		if err := n.HandOver(t.Context()); err != nil {
			t.Error(err)
		}
		want("while it leaves", errLeaving, nil)
		if err := n.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		want("after it has left", errNoLease, errNoLease)
	})
}

// TestReleasedPartsHaveTheirOwner: once the database has confirmed a release, hints go to the
// next owner, which has read the queues before this node's next heartbeat.
func TestReleasedPartsHaveTheirOwner(t *testing.T) {
	for confirmed, want := range map[bool]storage.Incarnation{true: 2, false: 1} {
		c := newCore(1, timingOf(DefaultLease))
		c.view.Parts[3].Owner, c.parts[3].state = 1, releasing
		var parts webhook.Parts
		parts.Add(3)
		c.released(5, handover{parts, 2}, confirmed)
		if got := c.view.Parts[3].Owner; got != want {
			t.Errorf("confirmed %v: the owner is %d, want %d", confirmed, got, want)
		}
	}
}
