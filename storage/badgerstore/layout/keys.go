// Package layout is how badgerstore's data looks on disk: its keys, and the records that
// only badgerstore keeps, as pure functions between bytes and types of package webhook.
// The records that other backends write too are those of package record.
//
// A record starts with the version of its encoding, as those of package record do. Keys
// are part of the schema version instead (badgerstore's schema.go).
//
// Transactions, and which records belong together, are badgerstore's; nothing here
// knows Badger.
package layout

import (
	"encoding/binary"
	"time"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Space is the first byte of a key: the kind of record that the key holds.
type Space byte

// The key spaces. Numbers in keys are big-endian, so that keys sort like what they
// name: a scan of a queue is in order of acceptance, one of a schedule in order of time.
const (
	SpaceMeta        Space = 'm' // name → number
	SpaceEndpoint    Space = 'w' // number(4) → endpoint
	SpaceClient      Space = 'c' // length(2) client number(4) → nothing
	SpaceDeleted     Space = 'x' // time of deletion in ms(8) number(4) → nothing
	SpaceSecretKey   Space = 'y' // id → KeyCount
	SpaceEventType   Space = 't' // name → event type
	SpaceAPIKey      Space = 'k' // id → API key
	SpaceGrant       Space = 'n' // id → grant
	SpaceLogo        Space = 'r' // id → logo of a grant
	SpaceAudit       Space = 'h' // seq(8) nonce(4) → entry of the audit
	SpaceFigures     Space = 'v' // name → what a server has counted
	SpaceGate        Space = 'g' // number(4) → gate state
	SpaceIdempotency Space = 'i' // hash of publisher and idempotency key(16) → KeyedEvent
	SpaceEvent       Space = 'e' // seq(8) nonce(4) → event
	SpacePart        Space = 'p' // seq(8) nonce(4) part(2) → Part: more recipients of an event
	SpaceRemainder   Space = 'u' // seq(8) nonce(4) → Remainder: the parts of an event that have no deliveries yet
	SpaceQueued      Space = 'q' // number(4) seq(8) nonce(4) → delivery
	SpaceRetrying    Space = 'a' // the same
	SpaceDelivered   Space = 'd' // the same
	SpaceFailed      Space = 'f' // the same; cancelled ones too
	SpaceSchedule    Space = 's' // number(4) due time in ms(8) seq(8) nonce(4) → nothing
	SpaceAttempt     Space = 'l' // seq(8) nonce(4) number(4) slot(1) → attempt
	SpaceBody        Space = 'b' // the same → response body of an attempt
	SpaceJob         Space = 'j' // seq(8) nonce(4) number(4) → job
	SpaceUnfinished  Space = 'o' // number(4) → ID(16) of the job of an endpoint that has not finished
)

// DeliverySpaces are the four spaces that hold deliveries: each delivery is in exactly
// one of them. The likeliest comes first, for those who have to search.
var DeliverySpaces = []Space{SpaceDelivered, SpaceQueued, SpaceRetrying, SpaceFailed}

// The sizes of keys that consist of a space and numbers, in bytes.
const (
	EndpointKeySize = 1 + 4
	EventKeySize    = 1 + 8 + 4
	PartKeySize     = EventKeySize + 2
	DeliveryKeySize = 1 + 4 + 8 + 4
	ScheduleKeySize = 1 + 4 + 8 + 8 + 4
	LogKeySize      = EventKeySize + 4 + 1
	JobKeySize      = EventKeySize + 4
)

// keySizes has the spaces in which all keys have the same size.
var keySizes = map[Space]int{
	SpaceEndpoint: EndpointKeySize, SpaceGate: EndpointKeySize, SpaceEvent: EventKeySize, SpaceSchedule: ScheduleKeySize,
	SpacePart: PartKeySize, SpaceRemainder: EventKeySize, SpaceAudit: EventKeySize,
	SpaceQueued: DeliveryKeySize, SpaceRetrying: DeliveryKeySize, SpaceDelivered: DeliveryKeySize, SpaceFailed: DeliveryKeySize,
	SpaceAttempt: LogKeySize, SpaceBody: LogKeySize, SpaceJob: JobKeySize, SpaceUnfinished: EndpointKeySize,
}

// KeySize returns the size of all keys of a space in bytes; false if they differ.
func (s Space) KeySize() (size int, fixed bool) {
	size, fixed = keySizes[s]
	return size, fixed
}

// Prefix returns what all keys of a space begin with.
func (s Space) Prefix() []byte { return []byte{byte(s)} }

// EndpointKey returns the key of a record that an endpoint has once, and the prefix
// of those that it has many times.
func EndpointKey(s Space, n webhook.EndpointNumber) []byte {
	return AppendEndpointNumber([]byte{byte(s)}, n)
}

// AppendEndpointNumber appends the number as keys hold it.
func AppendEndpointNumber(key []byte, n webhook.EndpointNumber) []byte {
	return binary.BigEndian.AppendUint32(key, uint32(n))
}

// ClientPrefix returns the prefix of the keys that name a client's endpoints. The
// length in front keeps the clients "a" and "ab" apart.
func ClientPrefix(clientID string) []byte {
	key := binary.BigEndian.AppendUint16([]byte{byte(SpaceClient)}, uint16(len(clientID)))
	return append(key, clientID...)
}

// ClientKey returns the key that names an endpoint as the client's.
func ClientKey(clientID string, n webhook.EndpointNumber) []byte {
	return AppendEndpointNumber(ClientPrefix(clientID), n)
}

// LastNumber returns the endpoint number at the end of a key.
func LastNumber(key []byte) webhook.EndpointNumber {
	return webhook.EndpointNumber(binary.BigEndian.Uint32(key[len(key)-4:]))
}

// DeletedKey returns the key by which Reap finds deleted endpoints in order of time.
func DeletedKey(at time.Time, n webhook.EndpointNumber) []byte {
	key := binary.BigEndian.AppendUint64([]byte{byte(SpaceDeleted)}, uint64(webhook.DueAt(at)))
	return AppendEndpointNumber(key, n)
}

// DeletedAt returns the time of deletion in such a key.
func DeletedAt(key []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(key[1:]))).UTC()
}

// EventTypeKey returns the key of an event type.
func EventTypeKey(name string) []byte { return append([]byte{byte(SpaceEventType)}, name...) }

// SecretKeyKey returns the key of the KeyCount of an encryption key.
func SecretKeyKey(id string) []byte { return append([]byte{byte(SpaceSecretKey)}, id...) }

// APIKeyKey returns the key of an API key.
func APIKeyKey(id string) []byte { return append([]byte{byte(SpaceAPIKey)}, id...) }

// GrantKey returns the key of a grant, or of its logo.
func GrantKey(s Space, id string) []byte { return append([]byte{byte(s)}, id...) }

// AuditKey returns the key of an entry of the audit. ParseEventKey reads its ID.
func AuditKey(id webhook.ID) []byte {
	key := EventKey(id)
	key[0] = byte(SpaceAudit)
	return key
}

// IdempotencyKey returns the key of a publisher's idempotency key.
func IdempotencyKey(e *webhook.Event) []byte {
	hash := record.KeyHash(e)
	return append([]byte{byte(SpaceIdempotency)}, hash[:]...)
}

// EventKey returns the key of an event, or of a delivery's event.
func EventKey(id webhook.ID) []byte {
	return AppendEventKey(make([]byte, 0, EventKeySize), id)
}

// AppendEventKey appends it, for callers that make many keys in one allocation.
func AppendEventKey(key []byte, id webhook.ID) []byte {
	key = binary.BigEndian.AppendUint64(append(key, byte(SpaceEvent)), id.Seq)
	return binary.BigEndian.AppendUint32(key, id.Nonce)
}

// PartKey returns the key of one part of an event's recipients beyond the first
// webhook.MaxFanOut; parts are numbered from 1.
func PartKey(id webhook.ID, part int) []byte {
	return binary.BigEndian.AppendUint16(PartPrefix(id), uint16(part))
}

// PartPrefix returns what the keys of an event's parts begin with.
func PartPrefix(id webhook.ID) []byte {
	key := AppendEventKey(make([]byte, 0, PartKeySize), id)
	key[0] = byte(SpacePart)
	return key
}

// RemainderKey returns the key of the Remainder of an event.
func RemainderKey(id webhook.ID) []byte {
	key := EventKey(id)
	key[0] = byte(SpaceRemainder)
	return key
}

// ParseEventKey returns the event that a key begins with, whatever its space.
func ParseEventKey(key []byte) webhook.ID {
	return webhook.ID{Seq: binary.BigEndian.Uint64(key[1:]), Nonce: binary.BigEndian.Uint32(key[9:])}
}
