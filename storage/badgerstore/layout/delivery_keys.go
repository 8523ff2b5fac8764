package layout

import (
	"encoding/binary"
	"math"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// LogPrefix returns what the keys of all attempts of an event's deliveries begin with,
// or those of their response bodies.
func LogPrefix(s Space, id webhook.ID) []byte {
	key := AppendEventKey(make([]byte, 0, LogKeySize), id)
	key[0] = byte(s)
	return key
}

// DeliveryLogPrefix returns the same for one delivery.
func DeliveryLogPrefix(s Space, id webhook.ID) []byte {
	return AppendEndpointNumber(LogPrefix(s, id), id.Endpoint)
}

// logKey returns the key of one attempt, or of its body.
func logKey(s Space, id webhook.ID, slot int) []byte {
	return append(DeliveryLogPrefix(s, id), byte(slot))
}

// AttemptKey returns the key of a numbered attempt of a delivery.
func AttemptKey(id webhook.ID, number int) []byte {
	return logKey(SpaceAttempt, id, record.AttemptSlot(number))
}

// BodyKey returns the key of that attempt's response body.
func BodyKey(id webhook.ID, number int) []byte {
	return logKey(SpaceBody, id, record.BodySlot(number))
}

// ParseLogKey returns the delivery that an attempt or a body belongs to.
func ParseLogKey(key []byte) webhook.ID {
	id := ParseEventKey(key)
	id.Endpoint = webhook.EndpointNumber(binary.BigEndian.Uint32(key[EventKeySize:]))
	return id
}

// JobKey returns the key of a job.
func JobKey(id webhook.ID) []byte { return DeliveryLogPrefix(SpaceJob, id) }

// ParseJobKey returns the ID of a job.
func ParseJobKey(key []byte) webhook.ID { return ParseLogKey(key) }

// DecodeID returns the ID that a record consists of.
func DecodeID(value []byte) (webhook.ID, error) {
	if len(value) != webhook.IDSize {
		return webhook.ID{}, record.ErrDamaged
	}
	return webhook.IDFromBytes([webhook.IDSize]byte(value)), nil
}

// DeliveryKey returns the key of a delivery in one of DeliverySpaces.
func DeliveryKey(s Space, id webhook.ID) []byte {
	return AppendDeliveryKey(make([]byte, 0, DeliveryKeySize), s, id)
}

// AppendDeliveryKey appends it, for callers that make many keys in one allocation.
func AppendDeliveryKey(key []byte, s Space, id webhook.ID) []byte {
	key = AppendEndpointNumber(append(key, byte(s)), id.Endpoint)
	key = binary.BigEndian.AppendUint64(key, id.Seq)
	return binary.BigEndian.AppendUint32(key, id.Nonce)
}

// ParseDeliveryKey returns the delivery of a key.
func ParseDeliveryKey(key []byte) webhook.ID {
	return webhook.ID{
		Endpoint: webhook.EndpointNumber(binary.BigEndian.Uint32(key[1:])),
		Seq:      binary.BigEndian.Uint64(key[5:]),
		Nonce:    binary.BigEndian.Uint32(key[13:]),
	}
}

// SlotOf returns the place of a retrying delivery in its endpoint's schedule.
func SlotOf(at webhook.DueTime, id webhook.ID) webhook.Slot { return webhook.Slot{At: at, ID: id} }

// ScheduleKey returns the key of a place in a retry schedule.
func ScheduleKey(s webhook.Slot) []byte {
	key := AppendEndpointNumber([]byte{byte(SpaceSchedule)}, s.ID.Endpoint)
	key = binary.BigEndian.AppendUint64(key, uint64(s.At))
	key = binary.BigEndian.AppendUint64(key, s.ID.Seq)
	return binary.BigEndian.AppendUint32(key, s.ID.Nonce)
}

// ParseScheduleKey returns the place of such a key.
func ParseScheduleKey(key []byte) webhook.Slot {
	return SlotOf(webhook.DueTime(binary.BigEndian.Uint64(key[5:])), webhook.ID{
		Endpoint: webhook.EndpointNumber(binary.BigEndian.Uint32(key[1:])),
		Seq:      binary.BigEndian.Uint64(key[13:]),
		Nonce:    binary.BigEndian.Uint32(key[21:]),
	})
}

// SpaceOf returns the space that holds deliveries of a status.
func SpaceOf(s webhook.Status) Space {
	switch s {
	case webhook.Retrying:
		return SpaceRetrying
	case webhook.Delivered:
		return SpaceDelivered
	case webhook.Failed, webhook.Cancelled:
		return SpaceFailed
	default:
		return SpaceQueued
	}
}

// LastID returns an ID that is larger than every other of an endpoint.
func LastID(n webhook.EndpointNumber) webhook.ID {
	return webhook.ID{Seq: math.MaxUint64, Endpoint: n, Nonce: math.MaxUint32}
}

// The keys of SpaceMeta. Their values are numbers, except that of MetaCursorKey.
var (
	MetaVersion    = []byte("mversion")   // of the schema
	MetaUpgrading  = []byte("mupgrading") // the version that an unfinished upgrade started from
	MetaLastNumber = []byte("mnumber")    // the newest endpoint's
	MetaLastSeq    = []byte("mseq")       // the largest Seq of any endpoint or removed event
	MetaCommits    = []byte("mcommits")   // the number of the last commit; the engine's commit mark has it too
	MetaPending    = []byte("mpending")   // Tally of the last commit
	MetaCursorKey  = []byte("mcursor")    // the key(32) that authenticates cursors
)

// FiguresKey returns the key of what a server has counted, by name.
func FiguresKey(name string) []byte { return append(SpaceFigures.Prefix(), name...) }
