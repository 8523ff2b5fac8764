package pgstore

import (
	"errors"
	"math"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/corpastro/astrohook/webhook"
)

// key is an ID as columns. Their order is that of IDs of one endpoint.
type key struct {
	part       int16
	endpoint   int32
	seq, nonce int64
}

// maxSeq is the largest Seq that a column can hold: in the year 2248.
const maxSeq = math.MaxInt64

// keyOf returns the columns of an ID. A Seq beyond all that can be stored, which only
// bounds of scans have, becomes the largest.
func keyOf(id webhook.ID) key {
	return key{int16(id.Endpoint.Part()), int32(id.Endpoint), int64(min(id.Seq, maxSeq)), int64(id.Nonce)}
}

// id returns the ID of columns; part follows from the others.
func (k key) id() webhook.ID {
	return webhook.ID{Seq: uint64(k.seq), Endpoint: webhook.EndpointNumber(k.endpoint), Nonce: uint32(k.nonce)}
}

// keys are columns of several IDs, for unnest.
type keys struct {
	parts        []int16
	endpoints    []int32
	seqs, nonces []int64
}

// keysOf returns the columns of some IDs, in their order.
func keysOf(ids []webhook.ID) keys {
	k := keys{make([]int16, len(ids)), make([]int32, len(ids)), make([]int64, len(ids)), make([]int64, len(ids))}
	for i, id := range ids {
		one := keyOf(id)
		k.parts[i], k.endpoints[i], k.seqs[i], k.nonces[i] = one.part, one.endpoint, one.seq, one.nonce
	}
	return k
}

// nameOf returns a name as a column: any bytes, while text can hold no NUL.
func nameOf(name string) []byte { return []byte(name) }

// Codes of the column status of done. The index done_undelivered is of those above
// codeDelivered.
const (
	codeDelivered = 1
	codeFailed    = 2
	codeCancelled = 3
)

// statusCode returns the code of a finished delivery's status.
func statusCode(s webhook.Status) int16 {
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
	firstBodySlot = attemptSlots
)

// slotOf returns the slot of an attempt.
func slotOf(number int) int16 { return int16(number % attemptSlots) }

// bodySlotOf returns the slot of the long body of an attempt.
func bodySlotOf(number int) int16 { return int16(firstBodySlot + number%webhook.MaxLongResponses) }

// errMoved reports that rows which a transaction had locked are not where it read them:
// something is wrong with the database.
var errMoved = errors.New("locked rows are not where they were")

// allOf returns a check that a statement changed so many rows.
func allOf(rows int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(rows) {
			return errMoved
		}
		return nil
	}
}
