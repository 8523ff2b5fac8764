package pgstore

import (
	"bytes"
	"slices"

	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/storage/pgstore/columns"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of one group. One job may exceed them.
const (
	maxGroupJobs  = 2_000
	maxGroupRows  = 45_000
	maxGroupBytes = 4 << 20
)

// job is a write on its way into a group: one of the pointers is set.
type job struct {
	groupcommit.Ticket
	accept *acceptance
	part   *part
	settle *outcome
	gate   *gate
	// out says that the job takes no part in its group any more: it has failed alone, or
	// there is nothing left to write for it.
	out bool
	// first is the job without which this one has nothing to do; nil for none.
	first *job
}

// fail makes the job fail alone.
func (j *job) fail(err error) {
	j.Fail(err)
	j.out = true
}

// rows and size estimate what the job adds to a group, size in bytes, and never too low.
func (j *job) rows() int {
	switch {
	case j.accept != nil:
		return j.accept.rows
	case j.part != nil:
		return webhook.MaxFanOut
	}
	return 3
}

func (j *job) size() int {
	switch {
	case j.accept != nil:
		return j.accept.bytes
	case j.settle != nil:
		return len(j.settle.Delivery) + len(j.settle.Attempt) + len(j.settle.Body)
	}
	return 0
}

// group is what the rows of one transaction are collected in, column by column. Its memory
// is used again for the next one.
type group struct {
	keys       columns.Keys
	events     columns.Events
	queued     columns.Deliveries
	withheld   columns.Done
	unfinished columns.Unfinished
	parts      []*part
	settles    [moveKinds]columns.Settled
	log        columns.Log
	gates      columns.Gates
	closed     columns.Gates

	matched uint64        // the smallest version that events were matched with; 0 for none
	pending int64         // by how much the moves raise the pending deliveries
	moves   []tables.Move // without those of settlements
	lastSeq uint64
	// first has the idempotency keys of the group, with what is stored for them.
	first map[[16]byte]record.KeyedEvent
	gated map[webhook.EndpointNumber]*gate
}

// reset empties the group.
func (g *group) reset() {
	g.keys.Reset()
	g.events.Reset()
	g.queued.Reset()
	g.withheld.Reset()
	g.unfinished.Reset()
	g.parts = g.parts[:0]
	for i := range g.settles {
		g.settles[i].Reset()
	}
	g.log.Reset()
	g.gates.Reset()
	g.closed.Reset()
	g.matched, g.pending, g.lastSeq, g.moves = 0, 0, 0, g.moves[:0]
	clear(g.first)
	clear(g.gated)
}

// add adds a job's rows.
func (g *group) add(j *job) {
	switch {
	case j.accept != nil:
		g.accept(j.accept)
	case j.part != nil:
		g.addPart(j)
	case j.settle != nil:
		g.settle(j.settle)
	case j.gate != nil:
		if g.gated == nil {
			g.gated = map[webhook.EndpointNumber]*gate{}
		}
		g.gated[j.gate.endpoint] = j.gate // the last one wins
	}
}

// move notes moves that happen for certain if the group is committed.
func (g *group) move(m tables.Move) {
	g.moves = append(g.moves, m)
	g.pending += int64(m.Queued) + int64(m.Retrying)
}

// groupStep is one statement of a group.
type groupStep struct {
	name   string
	params [][]byte
	// want is how many rows a settling statement moves if all are where they are believed
	// to be; -1 if nobody asks.
	want int
	// kind of the settlements, part of the event: of which the statement is.
	kind moveKind
	part *part
}

// steps appends the statements of the group, in an order in which none needs a later one.
func (g *group) steps(to []groupStep, nowMS int64) []groupStep {
	plain := func(name string, params ...[]byte) { to = append(to, groupStep{name: name, params: params, want: -1}) }
	if g.matched > 0 {
		plain(nameVersion, columns.Of(int64(g.matched)))
	}
	if n := len(g.first); n > 0 {
		g.sortKeys()
		plain(nameKeys, append(g.keys.Params(), columns.Of(nowMS), columns.Of(int64(n)))...)
	}
	if g.events.Seq.Len() > 0 {
		plain(nameEvents, g.events.Params()...)
	}
	if g.unfinished.Seq.Len() > 0 {
		plain(nameUnfinished, g.unfinished.Params()...)
	}
	for _, p := range g.parts {
		to = append(to, p.step())
	}
	if g.queued.Seq.Len() > 0 {
		plain(nameQueued, g.queued.Params()...)
	}
	if g.withheld.Seq.Len() > 0 {
		plain(nameDone, g.withheld.Params()...)
	}
	for kind := range g.settles {
		s := &g.settles[kind]
		if n := s.Seq.Len(); n > 0 {
			to = append(to, groupStep{name: settleNames[kind], params: s.Params(moveKind(kind).finishes()), want: n, kind: moveKind(kind)})
		}
	}
	if g.log.Seq.Len() > 0 {
		plain(nameLog, g.log.Params()...)
	}
	return g.gateSteps(to)
}

// sortKeys fills the columns of the idempotency keys in an order that all nodes share, so
// that two of them never wait for one another.
func (g *group) sortKeys() {
	hashes := make([][16]byte, 0, len(g.first))
	for hash := range g.first {
		hashes = append(hashes, hash)
	}
	slices.SortFunc(hashes, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	for _, hash := range hashes {
		k := g.first[hash]
		g.keys.Key.Add(hash[:])
		g.keys.Expires.Add(k.Until().UnixMilli())
		g.keys.Record.Add(k.Encode())
	}
}
