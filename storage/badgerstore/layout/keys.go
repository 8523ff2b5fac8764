// Package layout is how badgerstore's data looks on disk: the keys, and the records
// behind them, as pure functions between bytes and types of package webhook. Each kind
// of record has one file, so that a new field of it is a change in one place.
//
// A record starts with the version of its encoding. To add a field, append it at the
// end and raise the version of that record; a decoder reads all older versions and
// leaves the field zero. What was written once is read for ever: FuzzX and TestOlderX
// tests hold the decoders to that. Keys are part of the schema version instead
// (badgerstore's schema.go).
//
// Transactions, and which records belong together, are badgerstore's; nothing here
// knows Badger.
package layout

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// space is the first byte of a key: the kind of thing that it holds.
type Space byte

// The key spaces. Numbers in keys are big-endian, so that keys sort like what they name.
const (
	SpaceMeta        Space = 'm' // name → number
	SpaceEndpoint    Space = 'w' // number(4) → endpoint
	SpaceClient      Space = 'c' // length(2) client number(4) → nothing
	SpaceDeleted     Space = 'x' // time of deletion in ms(8) number(4) → nothing
	SpaceSecretKey   Space = 'y' // id → key record
	SpaceEventType   Space = 't' // name → event type
	SpaceAPIKey      Space = 'k' // id → API key
	SpaceGate        Space = 'g' // number(4) → gate state
	SpaceIdempotency Space = 'i' // hash of publisher and idempotency key(16) → receipt
	SpaceEvent       Space = 'e' // seq(8) nonce(4) → event
	SpacePart        Space = 'p' // seq(8) nonce(4) part(2) → more recipients of an event
	SpaceRemainder   Space = 'u' // seq(8) nonce(4) → the parts of an event that have no deliveries yet
	SpaceQueued      Space = 'q' // number(4) seq(8) nonce(4) → delivery
	SpaceRetrying    Space = 'a' // the same
	SpaceDelivered   Space = 'd' // the same
	SpaceFailed      Space = 'f' // the same; cancelled ones too
	SpaceSchedule    Space = 's' // number(4) due time in ms(8) seq(8) nonce(4) → nothing
	SpaceAttempt     Space = 'l' // seq(8) nonce(4) number(4) slot(1) → attempt
	SpaceBody        Space = 'b' // the same → response body of an attempt
)

// DeliverySpaces are the four spaces of which exactly one holds a delivery, the
// likeliest first.
var DeliverySpaces = []Space{SpaceDelivered, SpaceQueued, SpaceRetrying, SpaceFailed}

const (
	EndpointKeySize = 1 + 4
	EventKeySize    = 1 + 8 + 4
	PartKeySize     = EventKeySize + 2
	DeliveryKeySize = 1 + 4 + 8 + 4
	ScheduleKeySize = 1 + 4 + 8 + 8 + 4
	LogKeySize      = EventKeySize + 4 + 1
)

// keySizes are the sizes of the keys that numbers make up.
var keySizes = map[Space]int{
	SpaceEndpoint: EndpointKeySize, SpaceGate: EndpointKeySize, SpaceEvent: EventKeySize, SpaceSchedule: ScheduleKeySize,
	SpacePart: PartKeySize, SpaceRemainder: EventKeySize,
	SpaceQueued: DeliveryKeySize, SpaceRetrying: DeliveryKeySize, SpaceDelivered: DeliveryKeySize, SpaceFailed: DeliveryKeySize,
	SpaceAttempt: LogKeySize, SpaceBody: LogKeySize,
}

// KeySize returns the size of all keys of a space in bytes; false if they differ.
func (s Space) KeySize() (size int, fixed bool) {
	size, fixed = keySizes[s]
	return size, fixed
}

// Prefix returns what all keys of a space begin with.
func (s Space) Prefix() []byte { return []byte{byte(s)} }

// EndpointKey is the key of what there is once per endpoint, and the prefix of
// what there is many times.
func EndpointKey(s Space, n webhook.EndpointNumber) []byte {
	return AppendEndpointNumber([]byte{byte(s)}, n)
}

func AppendEndpointNumber(key []byte, n webhook.EndpointNumber) []byte {
	return binary.BigEndian.AppendUint32(key, uint32(n))
}

func ClientPrefix(clientID string) []byte {
	key := binary.BigEndian.AppendUint16([]byte{byte(SpaceClient)}, uint16(len(clientID)))
	return append(key, clientID...)
}

func ClientKey(clientID string, n webhook.EndpointNumber) []byte {
	return AppendEndpointNumber(ClientPrefix(clientID), n)
}

// LastNumber reads the endpoint number that a key ends with.
func LastNumber(key []byte) webhook.EndpointNumber {
	return webhook.EndpointNumber(binary.BigEndian.Uint32(key[len(key)-4:]))
}

func DeletedKey(at time.Time, n webhook.EndpointNumber) []byte {
	key := binary.BigEndian.AppendUint64([]byte{byte(SpaceDeleted)}, uint64(webhook.DueAt(at)))
	return AppendEndpointNumber(key, n)
}

func DeletedAt(key []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(key[1:]))).UTC()
}

func EventTypeKey(name string) []byte { return append([]byte{byte(SpaceEventType)}, name...) }

func SecretKeyKey(id string) []byte { return append([]byte{byte(SpaceSecretKey)}, id...) }

func APIKeyKey(id string) []byte { return append([]byte{byte(SpaceAPIKey)}, id...) }

func EventKey(id webhook.ID) []byte {
	return AppendEventKey(make([]byte, 0, EventKeySize), id)
}

func AppendEventKey(key []byte, id webhook.ID) []byte {
	key = binary.BigEndian.AppendUint64(append(key, byte(SpaceEvent)), id.Seq)
	return binary.BigEndian.AppendUint32(key, id.Nonce)
}

// PartKey is the key of an event's recipients beyond the first MaxFanOut; parts
// are numbered from 1.
func PartKey(id webhook.ID, part int) []byte {
	return binary.BigEndian.AppendUint16(PartPrefix(id), uint16(part))
}

func PartPrefix(id webhook.ID) []byte {
	key := AppendEventKey(make([]byte, 0, PartKeySize), id)
	key[0] = byte(SpacePart)
	return key
}

func RemainderKey(id webhook.ID) []byte {
	key := EventKey(id)
	key[0] = byte(SpaceRemainder)
	return key
}

func ParseEventKey(key []byte) webhook.ID {
	return webhook.ID{Seq: binary.BigEndian.Uint64(key[1:]), Nonce: binary.BigEndian.Uint32(key[9:])}
}

// LogPrefix is what the keys of an event's attempts, or of their bodies, begin with.
func LogPrefix(s Space, id webhook.ID) []byte {
	key := AppendEventKey(make([]byte, 0, LogKeySize), id)
	key[0] = byte(s)
	return key
}

// DeliveryLogPrefix is the same for one delivery.
func DeliveryLogPrefix(s Space, id webhook.ID) []byte {
	return AppendEndpointNumber(LogPrefix(s, id), id.Endpoint)
}

// logKey is the key of one attempt, or of its body. The latest take the places of
// those that are to be forgotten: a delivery has as many keys as there are slots.
func logKey(s Space, id webhook.ID, number, slots int) []byte {
	return append(DeliveryLogPrefix(s, id), byte(number%slots))
}

func AttemptKey(id webhook.ID, number int) []byte {
	return logKey(SpaceAttempt, id, number, webhook.MaxAttemptLog)
}

func BodyKey(id webhook.ID, number int) []byte {
	return logKey(SpaceBody, id, number, webhook.MaxLongResponses)
}

// ParseLogKey reads the delivery that an attempt or a body belongs to.
func ParseLogKey(key []byte) webhook.ID {
	id := ParseEventKey(key)
	id.Endpoint = webhook.EndpointNumber(binary.BigEndian.Uint32(key[EventKeySize:]))
	return id
}

func DeliveryKey(s Space, id webhook.ID) []byte {
	return AppendDeliveryKey(make([]byte, 0, DeliveryKeySize), s, id)
}

func AppendDeliveryKey(key []byte, s Space, id webhook.ID) []byte {
	key = AppendEndpointNumber(append(key, byte(s)), id.Endpoint)
	key = binary.BigEndian.AppendUint64(key, id.Seq)
	return binary.BigEndian.AppendUint32(key, id.Nonce)
}

func ParseDeliveryKey(key []byte) webhook.ID {
	return webhook.ID{
		Endpoint: webhook.EndpointNumber(binary.BigEndian.Uint32(key[1:])),
		Seq:      binary.BigEndian.Uint64(key[5:]),
		Nonce:    binary.BigEndian.Uint32(key[13:]),
	}
}

// SlotOf returns where a retrying delivery stands in its endpoint's schedule.
func SlotOf(at webhook.DueTime, id webhook.ID) webhook.Slot { return webhook.Slot{At: at, ID: id} }

func ScheduleKey(s webhook.Slot) []byte {
	key := AppendEndpointNumber([]byte{byte(SpaceSchedule)}, s.ID.Endpoint)
	key = binary.BigEndian.AppendUint64(key, uint64(s.At))
	key = binary.BigEndian.AppendUint64(key, s.ID.Seq)
	return binary.BigEndian.AppendUint32(key, s.ID.Nonce)
}

func ParseScheduleKey(key []byte) webhook.Slot {
	return SlotOf(webhook.DueTime(binary.BigEndian.Uint64(key[5:])), webhook.ID{
		Endpoint: webhook.EndpointNumber(binary.BigEndian.Uint32(key[1:])),
		Seq:      binary.BigEndian.Uint64(key[13:]),
		Nonce:    binary.BigEndian.Uint32(key[21:]),
	})
}

// LastID is larger than every ID of an endpoint.
func LastID(n webhook.EndpointNumber) webhook.ID {
	return webhook.ID{Seq: math.MaxUint64, Endpoint: n, Nonce: math.MaxUint32}
}

// PreviousID is the largest ID of the same endpoint that is smaller than id.
func PreviousID(id webhook.ID) (webhook.ID, bool) {
	switch {
	case id.Nonce > 0:
		id.Nonce--
	case id.Seq > 0:
		id.Seq, id.Nonce = id.Seq-1, math.MaxUint32
	default:
		return id, false
	}
	return id, true
}

// What is kept under spaceMeta: numbers, and the key of cursors.
var (
	MetaVersion    = []byte("mversion")
	MetaLastNumber = []byte("mnumber")  // the newest endpoint's
	MetaLastSeq    = []byte("mseq")     // the largest Seq of any endpoint or removed event
	MetaCommits    = []byte("mcommits") // the number of the last commit; see SYNCED
	MetaPending    = []byte("mpending") // that number again, and how many deliveries were pending then; see tally
	MetaCursorKey  = []byte("mcursor")
)

// MetaUpgrading is the version from which a step leads that has begun, and not ended.
var MetaUpgrading = []byte("mupgrading")
