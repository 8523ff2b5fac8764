// Package tables knows how deliveries, events and their logs stand in the tables of package
// schema: their keys as columns, the statements on them, how a delivery is found whichever
// table has it, how lists walk through them, and how deliveries move from one to another.
//
// It runs in the transactions and on the sessions that it gets. What is one transaction,
// and what is kept in memory, belongs to package pgstore.
package tables

import (
	"errors"
	"math"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/corpastro/astrohook/webhook"
)

// Key is an ID as columns. Their order is that of IDs of one endpoint.
type Key struct {
	Part       int16
	Endpoint   int32
	Seq, Nonce int64
}

// maxSeq is the largest Seq that a column can hold: in the year 2248.
const maxSeq = math.MaxInt64

// KeyOf returns the columns of an ID. A Seq beyond all that can be stored, which only
// bounds of scans have, becomes the largest.
func KeyOf(id webhook.ID) Key {
	return Key{int16(id.Endpoint.Part()), int32(id.Endpoint), int64(min(id.Seq, maxSeq)), int64(id.Nonce)}
}

// ID returns the ID of columns; part follows from the others.
func (k Key) ID() webhook.ID {
	return webhook.ID{Seq: uint64(k.Seq), Endpoint: webhook.EndpointNumber(k.Endpoint), Nonce: uint32(k.Nonce)}
}

// Keys are columns of several IDs, for unnest.
type Keys struct {
	Parts        []int16
	Endpoints    []int32
	Seqs, Nonces []int64
}

// KeysOf returns the columns of some IDs, in their order.
func KeysOf(ids []webhook.ID) Keys {
	k := Keys{make([]int16, len(ids)), make([]int32, len(ids)), make([]int64, len(ids)), make([]int64, len(ids))}
	for i, id := range ids {
		one := KeyOf(id)
		k.Parts[i], k.Endpoints[i], k.Seqs[i], k.Nonces[i] = one.Part, one.Endpoint, one.Seq, one.Nonce
	}
	return k
}

// NameOf returns a name as a column: any bytes, while text can hold no NUL.
func NameOf(name string) []byte { return []byte(name) }

// Codes of the column status of done. The index done_undelivered is of those above
// codeDelivered.
const (
	codeDelivered = 1
	codeFailed    = 2
	codeCancelled = 3
)

// StatusCode returns the code of a finished delivery's status.
func StatusCode(s webhook.Status) int16 {
	switch s {
	case webhook.Delivered:
		return codeDelivered
	case webhook.Cancelled:
		return codeCancelled
	}
	return codeFailed
}

// Slots of a delivery's attempts: attempt n is in slot n modulo 20, so that the latest take
// the places of those that are to be forgotten. The long bodies of the latest two follow.
const (
	attemptSlots  = webhook.MaxAttemptLog
	FirstBodySlot = attemptSlots
)

// SlotOf returns the slot of an attempt.
func SlotOf(number int) int16 { return int16(number % attemptSlots) }

// BodySlotOf returns the slot of the long body of an attempt.
func BodySlotOf(number int) int16 { return int16(FirstBodySlot + number%webhook.MaxLongResponses) }

// ErrMoved reports that rows which a transaction had locked are not where it read them:
// something is wrong with the database.
var ErrMoved = errors.New("locked rows are not where they were")

// AllOf returns a check that a statement changed so many rows.
func AllOf(rows int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(rows) {
			return ErrMoved
		}
		return nil
	}
}

// countRows returns what adds up how many rows statements have changed.
func countRows(sum *int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		*sum += int(tag.RowsAffected())
		return nil
	}
}
