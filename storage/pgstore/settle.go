package pgstore

import (
	"fmt"
	"slices"

	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// moveKind is from where to where a settlement moves a delivery.
type moveKind int

const (
	queuedToDone moveKind = iota
	queuedToRetrying
	retryingToDone
	retryingToRetrying
	moveKinds
	// byLooking is every other move, and one that has to read what is stored.
	byLooking moveKind = -1
)

// finishes reports whether the kind ends in done.
func (k moveKind) finishes() bool { return k == queuedToDone || k == retryingToDone }

// moveOf returns what a kind does to the counts.
func (k moveKind) moveOf(d *webhook.Delivery) tables.Move {
	m := tables.Move{ID: d.ID, Due: d.NextAttemptAt}
	switch k {
	case queuedToDone, queuedToRetrying:
		m.Queued--
	case retryingToDone, retryingToRetrying:
		m.Retrying--
	}
	if !k.finishes() {
		m.Retrying++
	}
	return m
}

const (
	nameLog         = "settle.log"
	nameGates       = "gate.save"
	nameGatesClosed = "gate.remove"
)

// settleNames are the statements of each kind.
var settleNames = [moveKinds]string{"settle.delivered", "settle.failed", "settle.retried", "settle.again"}

const (
	// The row count of each says how many deliveries were where they were believed to be.
	ofSettled = `(part, endpoint, seq, nonce, status, finished, record) AS (
			SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::int2[], $6::int8[], $7::bytea[])
		)`
	ofRetried = `(part, endpoint, seq, nonce, due, record) AS (
			SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::int8[], $6::bytea[])
		)`
	theSame     = `t.part = s.part AND t.endpoint = s.endpoint AND t.seq = s.seq AND t.nonce = s.nonce`
	doneColumn  = `s.part, s.endpoint, s.seq, s.nonce, s.status, s.finished, s.record`
	retryColumn = `s.part, s.endpoint, s.seq, s.nonce, s.due, s.record`
)

var (
	_ = tables.Writing(settleNames[queuedToDone], `WITH s`+ofSettled+`, gone AS (
			DELETE FROM queued AS t USING s WHERE `+theSame+` RETURNING `+doneColumn+`
		) INSERT INTO done (part, endpoint, seq, nonce, status, finished, record) SELECT * FROM gone`)
	_ = tables.Writing(settleNames[queuedToRetrying], `WITH s`+ofRetried+`, gone AS (
			DELETE FROM queued AS t USING s WHERE `+theSame+` RETURNING `+retryColumn+`
		) INSERT INTO retrying (part, endpoint, seq, nonce, due, record) SELECT * FROM gone`)
	_ = tables.Writing(settleNames[retryingToDone], `WITH s`+ofSettled+`, gone AS (
			DELETE FROM retrying AS t USING s WHERE `+theSame+` RETURNING `+doneColumn+`
		) INSERT INTO done (part, endpoint, seq, nonce, status, finished, record) SELECT * FROM gone`)
	_ = tables.Writing(settleNames[retryingToRetrying], `WITH s`+ofRetried+`
		UPDATE retrying AS t SET due = s.due, record = s.record FROM s WHERE `+theSame)
	sqlLog = tables.Writing(nameLog, `INSERT INTO attempt (part, endpoint, seq, nonce, slot, record)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::int2[], $6::bytea[])
		ON CONFLICT (part, endpoint, seq, nonce, slot) DO UPDATE SET record = excluded.record`)
	_ = tables.Writing(nameGates, `INSERT INTO gate (part, endpoint, record)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::bytea[])
		ON CONFLICT (part, endpoint) DO UPDATE SET record = excluded.record`)
	_ = tables.Writing(nameGatesClosed, `DELETE FROM gate AS t USING unnest($1::int2[], $2::int4[]) AS s(part, endpoint)
		WHERE t.part = s.part AND t.endpoint = s.endpoint`)
)

// outcome is a settlement on its way into a group.
type outcome struct {
	was webhook.Place
	now webhook.Delivery // without its log
	record.Settled
	kind moveKind
}

// gate is the state of a breaker on its way into a group.
type gate struct {
	endpoint webhook.EndpointNumber
	state    webhook.GateState
}

// Settle moves a delivery from where it was to where it is now. Usually it writes without
// reading, and trusts st.Was. If the delivery turns out to be elsewhere, because somebody
// changed it by hand during the attempt, a second transaction looks where it is: one that
// was ended meanwhile stays ended, unless the attempt delivered it.
func (s *Store) Settle(st webhook.Settlement, done func(error)) {
	now, claimed := s.bodies.Bound(st.Now, s.options.Now())
	o := &outcome{was: st.Was, now: now, Settled: record.EncodeSettled(&now)}
	o.now.AttemptLog = nil
	o.kind = o.believedKind()
	s.committer.Submit(&job{settle: o, Ticket: groupcommit.Ticket{Done: func(err error) {
		if claimed > 0 { // stored or failed, the body is not in memory any more
			s.bodies.Committed(claimed)
		}
		if err != nil {
			err = fmt.Errorf("settle delivery: %w", err)
		}
		done(err)
	}}})
}

// believedKind returns how the settlement is made if the delivery is where it was.
func (o *outcome) believedKind() moveKind {
	if !o.Complete(&o.now) {
		return byLooking
	}
	switch from, finished := o.was.Status, o.now.Status.Finished(); {
	case from == webhook.Queued && finished:
		return queuedToDone
	case from == webhook.Queued && o.now.Status == webhook.Retrying:
		return queuedToRetrying
	case from == webhook.Retrying && finished:
		return retryingToDone
	case from == webhook.Retrying && o.now.Status == webhook.Retrying:
		return retryingToRetrying
	}
	return byLooking
}

// settle adds a settlement, unless it has to look.
func (g *group) settle(o *outcome) {
	if o.kind == byLooking {
		return
	}
	g.settles[o.kind].Add(&o.now, o.Delivery)
	m := o.kind.moveOf(&o.now)
	g.pending += int64(m.Queued) + int64(m.Retrying)
	// An attempt is kept wherever the delivery is, as the second transaction would do.
	if o.Attempt != nil {
		g.log.Add(o.now.ID, tables.SlotOf(o.Number), o.Attempt)
	}
	if o.Body != nil {
		g.log.Add(o.now.ID, tables.BodySlotOf(o.Number), o.Body)
	}
}

// SaveGate stores an endpoint's breaker state; the zero state removes it.
func (s *Store) SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error)) {
	s.committer.Submit(&job{gate: &gate{n, g}, Ticket: groupcommit.Ticket{Done: func(err error) {
		if err != nil {
			err = fmt.Errorf("save breaker state: %w", err)
		}
		done(err)
	}}})
}

// gateSteps appends the statements of the breakers' states, in the order of endpoints, so
// that two nodes never wait for one another.
func (g *group) gateSteps(to []groupStep) []groupStep {
	endpoints := make([]webhook.EndpointNumber, 0, len(g.gated))
	for n := range g.gated {
		endpoints = append(endpoints, n)
	}
	slices.Sort(endpoints)
	for _, n := range endpoints {
		if state := g.gated[n].state; state == (webhook.GateState{}) {
			g.closed.Add(n, nil)
		} else {
			g.gates.Add(n, record.EncodeGate(state))
		}
	}
	if g.gates.Part.Len() > 0 {
		to = append(to, groupStep{name: nameGates, params: g.gates.Params(), want: -1})
	}
	if g.closed.Part.Len() > 0 {
		to = append(to, groupStep{name: nameGatesClosed, params: g.closed.Params()[:2], want: -1})
	}
	return to
}
