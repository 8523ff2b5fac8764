package badgerstore

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// space is the first byte of a key: the kind of thing that it holds.
type space byte

// The key spaces. Numbers in keys are big-endian, so that keys sort like what they name.
const (
	spaceMeta      space = 'm' // name → number
	spaceEndpoint  space = 'w' // number(4) → endpoint
	spaceClient    space = 'c' // length(2) client number(4) → nothing
	spaceDeleted   space = 'x' // time of deletion in ms(8) number(4) → nothing
	spaceSecretKey space = 'y' // id → key record
	spaceEventType space = 't' // name → event type
	spaceAPIKey    space = 'k' // id → API key
	spaceGate      space = 'g' // number(4) → gate state
	spaceKey       space = 'i' // hash of publisher and idempotency key(16) → receipt
	spaceEvent     space = 'e' // seq(8) nonce(4) → event
	spacePart      space = 'p' // seq(8) nonce(4) part(2) → more recipients of an event
	spaceParting   space = 'u' // seq(8) nonce(4) → the parts of an event that have no deliveries yet
	spaceQueued    space = 'q' // number(4) seq(8) nonce(4) → delivery
	spaceRetrying  space = 'a' // the same
	spaceDelivered space = 'd' // the same
	spaceFailed    space = 'f' // the same; cancelled ones too
	spaceSchedule  space = 's' // number(4) due time in ms(8) seq(8) nonce(4) → nothing
	spaceAttempt   space = 'l' // seq(8) nonce(4) number(4) slot(1) → attempt
	spaceBody      space = 'b' // the same → response body of an attempt
)

// deliverySpaces are the four spaces of which exactly one holds a delivery, the
// likeliest first.
var deliverySpaces = []space{spaceDelivered, spaceQueued, spaceRetrying, spaceFailed}

const (
	endpointKeySize = 1 + 4
	eventKeySize    = 1 + 8 + 4
	partKeySize     = eventKeySize + 2
	deliveryKeySize = 1 + 4 + 8 + 4
	scheduleKeySize = 1 + 4 + 8 + 8 + 4
	logKeySize      = eventKeySize + 4 + 1
)

// endpointKey is the key of what there is once per endpoint, and the prefix of
// what there is many times.
func endpointKey(s space, n webhook.EndpointNumber) []byte {
	return appendNumber([]byte{byte(s)}, n)
}

func appendNumber(key []byte, n webhook.EndpointNumber) []byte {
	return binary.BigEndian.AppendUint32(key, uint32(n))
}

func clientPrefix(clientID string) []byte {
	key := binary.BigEndian.AppendUint16([]byte{byte(spaceClient)}, uint16(len(clientID)))
	return append(key, clientID...)
}

func clientKey(clientID string, n webhook.EndpointNumber) []byte {
	return appendNumber(clientPrefix(clientID), n)
}

// lastNumber reads the endpoint number that a key ends with.
func lastNumber(key []byte) webhook.EndpointNumber {
	return webhook.EndpointNumber(binary.BigEndian.Uint32(key[len(key)-4:]))
}

func deletedKey(at time.Time, n webhook.EndpointNumber) []byte {
	key := binary.BigEndian.AppendUint64([]byte{byte(spaceDeleted)}, uint64(webhook.DueAt(at)))
	return appendNumber(key, n)
}

func deletedAt(key []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(key[1:]))).UTC()
}

func eventTypeKey(name string) []byte { return append([]byte{byte(spaceEventType)}, name...) }

func secretKeyKey(id string) []byte { return append([]byte{byte(spaceSecretKey)}, id...) }

func apiKeyKey(id string) []byte { return append([]byte{byte(spaceAPIKey)}, id...) }

func eventKey(id webhook.ID) []byte {
	return appendEventKey(make([]byte, 0, eventKeySize), id)
}

func appendEventKey(key []byte, id webhook.ID) []byte {
	key = binary.BigEndian.AppendUint64(append(key, byte(spaceEvent)), id.Seq)
	return binary.BigEndian.AppendUint32(key, id.Nonce)
}

// partKey is the key of an event's recipients beyond the first MaxFanOut; parts
// are numbered from 1.
func partKey(id webhook.ID, part int) []byte {
	return binary.BigEndian.AppendUint16(partPrefix(id), uint16(part))
}

func partPrefix(id webhook.ID) []byte {
	key := appendEventKey(make([]byte, 0, partKeySize), id)
	key[0] = byte(spacePart)
	return key
}

func partingKey(id webhook.ID) []byte {
	key := eventKey(id)
	key[0] = byte(spaceParting)
	return key
}

func parseEventKey(key []byte) webhook.ID {
	return webhook.ID{Seq: binary.BigEndian.Uint64(key[1:]), Nonce: binary.BigEndian.Uint32(key[9:])}
}

// logPrefix is what the keys of an event's attempts, or of their bodies, begin with.
func logPrefix(s space, id webhook.ID) []byte {
	key := appendEventKey(make([]byte, 0, logKeySize), id)
	key[0] = byte(s)
	return key
}

// deliveryLogPrefix is the same for one delivery.
func deliveryLogPrefix(s space, id webhook.ID) []byte {
	return appendNumber(logPrefix(s, id), id.Endpoint)
}

// logKey is the key of one attempt, or of its body. The latest take the places of
// those that are to be forgotten: a delivery has as many keys as there are slots.
func logKey(s space, id webhook.ID, number, slots int) []byte {
	return append(deliveryLogPrefix(s, id), byte(number%slots))
}

func attemptKey(id webhook.ID, number int) []byte {
	return logKey(spaceAttempt, id, number, webhook.MaxAttemptLog)
}

func bodyKey(id webhook.ID, number int) []byte {
	return logKey(spaceBody, id, number, webhook.MaxLongResponses)
}

// parseLogKey reads the delivery that an attempt or a body belongs to.
func parseLogKey(key []byte) webhook.ID {
	id := parseEventKey(key)
	id.Endpoint = webhook.EndpointNumber(binary.BigEndian.Uint32(key[eventKeySize:]))
	return id
}

func deliveryKey(s space, id webhook.ID) []byte {
	return appendDeliveryKey(make([]byte, 0, deliveryKeySize), s, id)
}

func appendDeliveryKey(key []byte, s space, id webhook.ID) []byte {
	key = appendNumber(append(key, byte(s)), id.Endpoint)
	key = binary.BigEndian.AppendUint64(key, id.Seq)
	return binary.BigEndian.AppendUint32(key, id.Nonce)
}

func parseDeliveryKey(key []byte) webhook.ID {
	return webhook.ID{
		Endpoint: webhook.EndpointNumber(binary.BigEndian.Uint32(key[1:])),
		Seq:      binary.BigEndian.Uint64(key[5:]),
		Nonce:    binary.BigEndian.Uint32(key[13:]),
	}
}

// slotOf returns where a retrying delivery stands in its endpoint's schedule.
func slotOf(at webhook.DueTime, id webhook.ID) webhook.Slot { return webhook.Slot{At: at, ID: id} }

func scheduleKey(s webhook.Slot) []byte {
	key := appendNumber([]byte{byte(spaceSchedule)}, s.ID.Endpoint)
	key = binary.BigEndian.AppendUint64(key, uint64(s.At))
	key = binary.BigEndian.AppendUint64(key, s.ID.Seq)
	return binary.BigEndian.AppendUint32(key, s.ID.Nonce)
}

func parseScheduleKey(key []byte) webhook.Slot {
	return slotOf(webhook.DueTime(binary.BigEndian.Uint64(key[5:])), webhook.ID{
		Endpoint: webhook.EndpointNumber(binary.BigEndian.Uint32(key[1:])),
		Seq:      binary.BigEndian.Uint64(key[13:]),
		Nonce:    binary.BigEndian.Uint32(key[21:]),
	})
}

// lastID is larger than every ID of an endpoint.
func lastID(n webhook.EndpointNumber) webhook.ID {
	return webhook.ID{Seq: math.MaxUint64, Endpoint: n, Nonce: math.MaxUint32}
}

// previousID is the largest ID of the same endpoint that is smaller than id.
func previousID(id webhook.ID) (webhook.ID, bool) {
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
