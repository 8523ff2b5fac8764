package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// process is a node of the model, with deliveries under way: it makes attempts in random
// parts of its own and records them.
type process struct {
	name    string
	random  *rand.Rand
	gate    gate
	session *session
	node    *Node
	ended   chan struct{} // closed when the process is to end
	end     sync.Once     // closes it
	loops   sync.WaitGroup

	mu       sync.Mutex
	active   webhook.Parts
	inFlight [webhook.PartCount]int
	draining [webhook.PartCount]func(webhook.Part)
	attempts int
	moves    *moments
}

// moments are the times at which something happened, in any process.
type moments struct {
	mu sync.Mutex
	at []time.Time
}

func (m *moments) add() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = append(m.at, time.Now())
}

// all returns the times so far.
func (m *moments) all() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.at)
}

// start begins a process, which joins by itself.
func (f *fleet) start(name string, seed uint64) *process {
	p := &process{name: name, moves: &f.moves, random: rand.New(rand.NewPCG(seed, 2)), ended: make(chan struct{})}
	p.session = &session{database: f.database, gate: &p.gate}
	p.loops.Go(p.run)
	return p
}

// clock never blocks, because it is read under locks: a process that is stopped stands at
// its next call of the database, or before its next attempt.
func (p *process) clock() time.Duration { return time.Since(p.session.began) }

// run joins, delivers until the process ends, and ends at once if it is fenced.
func (p *process) run() {
	for p.node == nil {
		node, err := Join(context.Background(), Options{
			Store: p.session, Info: storage.NodeInfo{Name: p.name}, Clock: p.clock, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			select {
			case <-p.ended:
				return
			case <-time.After(500 * time.Millisecond):
				continue
			}
		}
		p.mu.Lock()
		p.node = node
		p.mu.Unlock()
	}
	p.node.Serve(p, noPeers{})
	for {
		select {
		case <-p.ended:
			return
		case <-p.node.Fenced():
			return
		case <-time.After(time.Duration(5+p.random.IntN(10)) * time.Millisecond):
			p.attempt(webhook.Part(p.random.IntN(webhook.PartCount)), time.Duration(p.random.IntN(400))*time.Millisecond)
		}
	}
}

// attempt starts an attempt in a part if it is this node's and the lease allows it.
func (p *process) attempt(part webhook.Part, length time.Duration) {
	p.gate.pass()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.active.Has(part) || p.draining[part] != nil || !p.node.MaySend() {
		return
	}
	p.session.check(part)
	p.inFlight[part]++
	p.attempts++
	p.loops.Go(func() {
		time.Sleep(length)
		p.record(part)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.inFlight[part]--
		p.finish(part)
	})
}

// record repeats until the outcome is stored, as a shared store does.
func (p *process) record(part webhook.Part) {
	for errors.Is(p.session.settle(part), webhook.ErrUnavailable) && !p.gate.killed() {
		time.Sleep(50 * time.Millisecond)
	}
}

// finish reports a part that has drained. p.mu is held.
func (p *process) finish(part webhook.Part) {
	if done := p.draining[part]; done != nil && p.inFlight[part] == 0 {
		p.draining[part] = nil
		p.active.Remove(part)
		go done(part)
	}
}

func (p *process) GainParts(parts webhook.Parts) {
	p.gate.pass()
	p.mu.Lock()
	defer p.mu.Unlock()
	for part := range parts.All {
		p.active.Add(part)
	}
}

func (p *process) DrainParts(parts webhook.Parts, drained func(webhook.Part)) {
	p.gate.pass()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.node.mu.Lock()
	leaving := p.node.core.leaving
	p.node.mu.Unlock()
	for part := range parts.All {
		if !leaving {
			p.moves.add()
		}
		p.draining[part] = drained
		p.finish(part)
	}
}

func (p *process) DropParts(parts webhook.Parts) {
	p.gate.pass()
	p.mu.Lock()
	defer p.mu.Unlock()
	for part := range parts.All {
		p.active.Remove(part)
		p.draining[part] = nil
	}
}

// kill ends the process at once.
func (p *process) kill() {
	p.gate.kill()
	p.stop()
}

// stop ends what runs of the process, and waits for it.
func (p *process) stop() {
	p.end.Do(func() { close(p.ended) })
	p.loops.Wait()
	if p.node != nil {
		p.node.end()
		p.node.loops.Wait()
	}
}

// terminate ends the process as SIGTERM does.
func (p *process) terminate() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	p.mu.Lock()
	node := p.node
	p.mu.Unlock()
	if node == nil {
		p.stop()
		return nil
	}
	err := node.HandOver(ctx)
	p.end.Do(func() { close(p.ended) })
	p.loops.Wait()
	return errors.Join(err, node.Leave(ctx))
}

// alive reports whether the process runs and is not fenced.
func (p *process) alive() bool {
	p.mu.Lock()
	node := p.node
	p.mu.Unlock()
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	if p.gate.dead || p.gate.stopped != nil || node == nil {
		return false
	}
	select {
	case <-node.Fenced():
		return false
	default:
		return true
	}
}

// has reports whether the process delivers to a part, or drains it.
func (p *process) has(part webhook.Part) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.active.Has(part)
}

type noPeers struct{}

func (noPeers) PartsMoved(storage.Incarnation) {}
func (noPeers) VersionStored(uint64)           {}

// fleet is all processes of a model, the ended ones left out.
type fleet struct {
	*database
	running  []*process
	moves    moments // of parts that begin to drain, from nodes that do not leave
	started  uint64
	resuming sync.WaitGroup // of processes that are stopped
}

func (f *fleet) add(n int) {
	for range n {
		f.started++
		f.running = append(f.running, f.start(fmt.Sprintf("node %d", f.started), f.started))
	}
}

// unserved returns how many parts no living process owns that may send, and delivers to
// them or was given them within the time of a heartbeat.
func (f *fleet) unserved() int {
	f.mu.Lock()
	parts, given := f.parts, f.given
	f.mu.Unlock()
	missing := 0
	for part := range webhook.PartCount {
		if !slices.ContainsFunc(f.running, func(p *process) bool {
			return p.alive() && p.node.self == parts[part].Owner && p.node.MaySend() &&
				(p.has(webhook.Part(part)) || time.Since(given[part]) < time.Second+latency)
		}) {
			missing++
		}
	}
	return missing
}

// awaitServed waits until somebody delivers to every part, and returns how long that took.
func (f *fleet) awaitServed(bound time.Duration) time.Duration {
	f.t.Helper()
	began := time.Now()
	for f.unserved() > 0 {
		if time.Since(began) > bound {
			f.t.Errorf("after %s nobody delivers to %d parts: %s", bound, f.unserved(), f.database)
			return bound
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// awaitBalanced waits until each living process has its share of the parts.
func (f *fleet) awaitBalanced(bound time.Duration) time.Duration {
	f.t.Helper()
	began := time.Now()
	for !f.balanced() {
		if time.Since(began) > bound {
			f.t.Errorf("after %s the parts are not balanced: %s", bound, f.database)
			return bound
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(began)
}

func (f *fleet) balanced() bool {
	var most, least, all, alive int
	least = webhook.PartCount
	for _, p := range f.running {
		if !p.alive() {
			continue
		}
		p.mu.Lock()
		n := p.active.Len()
		p.mu.Unlock()
		most, least, all, alive = max(most, n), min(least, n), all+n, alive+1
	}
	return all == webhook.PartCount && most <= (webhook.PartCount+alive-1)/alive && f.unserved() == 0
}

func (f *fleet) end() {
	for _, p := range f.running {
		p.kill()
	}
	f.resuming.Wait()
	time.Sleep(10 * time.Second) // until what is carried out late is over
}
