package layout

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestKeysSort: each list is in the order that scans of it need.
func TestKeysSort(t *testing.T) {
	id := func(seq uint64, n webhook.EndpointNumber, nonce uint32) webhook.ID {
		return webhook.ID{Seq: seq, Endpoint: n, Nonce: nonce}
	}
	for name, keys := range map[string][][]byte{
		"a queue by acceptance": {
			DeliveryKey(SpaceQueued, id(1, 7, 9)), DeliveryKey(SpaceQueued, id(2, 7, 1)),
			DeliveryKey(SpaceQueued, id(2, 7, 2)), DeliveryKey(SpaceQueued, id(256, 7, 0)),
		},
		"queues by endpoint first": {
			DeliveryKey(SpaceQueued, id(math.MaxUint64, 1, 0)), DeliveryKey(SpaceQueued, id(1, 2, 0)),
			DeliveryKey(SpaceQueued, id(0, 256, 0)),
		},
		"a schedule by due time": {
			ScheduleKey(SlotOf(1, id(9, 7, 0))), ScheduleKey(SlotOf(2, id(1, 7, 0))),
			ScheduleKey(SlotOf(2, id(2, 7, 0))), ScheduleKey(SlotOf(300, id(0, 7, 0))),
		},
		"events by time": {EventKey(id(1, 0, 9)), EventKey(id(2, 0, 0)), EventKey(id(1<<40, 0, 0))},
		"deleted endpoints by time": {
			DeletedKey(time.UnixMilli(1), 9), DeletedKey(time.UnixMilli(2), 1), DeletedKey(time.UnixMilli(1<<40), 0),
		},
		"attempts beside their events": {
			AttemptKey(id(1, 9, 0), 1), AttemptKey(id(2, 1, 0), 1), AttemptKey(id(2, 1, 0), 2), AttemptKey(id(2, 3, 0), 1),
		},
		"parts in their order": {PartKey(id(1, 0, 0), 1), PartKey(id(1, 0, 0), 2), PartKey(id(1, 0, 0), 256), PartKey(id(2, 0, 0), 1)},
	} {
		if !slices.IsSortedFunc(keys, bytes.Compare) {
			t.Errorf("%s: %x", name, keys)
		}
	}
}

// TestPrefixes: a scan of one owner's keys has no other's.
func TestPrefixes(t *testing.T) {
	event := webhook.ID{Seq: 5, Nonce: 1}
	for name, c := range map[string]struct {
		prefix      []byte
		own, others [][]byte
	}{
		"a client": {
			ClientPrefix("ab"),
			[][]byte{ClientKey("ab", 1), ClientKey("ab", 1<<32-1)},
			[][]byte{ClientKey("a", 'b'<<24), ClientKey("abc", 1), ClientKey("", 1)},
		},
		"an endpoint's queue": {
			EndpointKey(SpaceQueued, 7),
			[][]byte{DeliveryKey(SpaceQueued, event.For(7))},
			[][]byte{DeliveryKey(SpaceQueued, event.For(8)), DeliveryKey(SpaceFailed, event.For(7)), ScheduleKey(SlotOf(1, event.For(7)))},
		},
		"an event's attempts": {
			LogPrefix(SpaceAttempt, event),
			[][]byte{AttemptKey(event.For(1), 1), AttemptKey(event.For(2), 9)},
			[][]byte{AttemptKey(webhook.ID{Seq: 6, Nonce: 1, Endpoint: 1}, 1), BodyKey(event.For(1), 1), EventKey(event)},
		},
		"a delivery's attempts": {
			DeliveryLogPrefix(SpaceAttempt, event.For(2)), [][]byte{AttemptKey(event.For(2), 1)}, [][]byte{AttemptKey(event.For(1), 1)},
		},
		"an event's parts": {
			PartPrefix(event),
			[][]byte{PartKey(event, 1), PartKey(event, 300)},
			[][]byte{PartKey(webhook.ID{Seq: 5, Nonce: 2}, 1), RemainderKey(event), EventKey(event)},
		},
	} {
		for _, key := range c.own {
			if !bytes.HasPrefix(key, c.prefix) {
				t.Errorf("%s: %x is missed", name, key)
			}
		}
		for _, key := range c.others {
			if bytes.HasPrefix(key, c.prefix) {
				t.Errorf("%s: %x is seen", name, key)
			}
		}
	}
}

// TestLogSlots: the latest attempts take the places of the oldest, and no others.
func TestLogSlots(t *testing.T) {
	places := map[string]int{}
	for number := 1; number <= 3*webhook.MaxAttemptLog; number++ {
		key := string(AttemptKey(someID, number))
		if before := places[key]; before != 0 && before != number-webhook.MaxAttemptLog {
			t.Errorf("attempt %d takes the place of %d", number, before)
		}
		places[key] = number
	}
	if len(places) != webhook.MaxAttemptLog {
		t.Errorf("attempts take %d places", len(places))
	}
	if bytes.Equal(BodyKey(someID, 1), BodyKey(someID, 2)) || !bytes.Equal(BodyKey(someID, 1), BodyKey(someID, 1+webhook.MaxLongResponses)) {
		t.Error("bodies take other places than the latest ones")
	}
}

// TestLastID: it is above every other ID of the endpoint.
func TestLastID(t *testing.T) {
	if last := LastID(7); last.Compare(webhook.ID{Seq: math.MaxUint64, Endpoint: 7, Nonce: math.MaxUint32 - 1}) <= 0 {
		t.Errorf("%+v is not the last", last)
	}
}

// TestParse: keys give back what they were made of.
func TestParse(t *testing.T) {
	if got := LastNumber(ClientKey("client", 77)); got != 77 {
		t.Errorf("a client's endpoint: %d", got)
	}
	at := time.UnixMilli(1_750_000_000_123).UTC()
	if got := DeletedAt(DeletedKey(at, 77)); !got.Equal(at) {
		t.Errorf("deleted at %v", got)
	}
	if got := ParseLogKey(AttemptKey(someID, 3)); got != someID {
		t.Errorf("an attempt's delivery: %+v", got)
	}
	for status, space := range map[webhook.Status]Space{
		webhook.Queued: SpaceQueued, webhook.Retrying: SpaceRetrying, webhook.Delivered: SpaceDelivered,
		webhook.Failed: SpaceFailed, webhook.Cancelled: SpaceFailed,
	} {
		if got := SpaceOf(status); got != space || !slices.Contains(DeliverySpaces, got) {
			t.Errorf("%s is kept in %c", status, got)
		}
	}
	if _, fixed := SpaceEventType.KeySize(); fixed {
		t.Error("event types have names of any length")
	}
}

func TestKeysSortLikeWhatTheyName(t *testing.T) {
	ids := []webhook.ID{
		{}, {Nonce: 1}, {Seq: 1}, {Seq: 255, Nonce: 9}, {Seq: 256}, {Seq: 1 << 40}, {Endpoint: 1}, {Endpoint: 256, Seq: 3},
	}
	for _, a := range ids {
		if got := ParseDeliveryKey(DeliveryKey(SpaceQueued, a)); got != a {
			t.Errorf("delivery key of %v reads %v", a, got)
		}
		if got := ParseEventKey(EventKey(a)); got != a.Event() {
			t.Errorf("event key of %v reads %v", a, got)
		}
		if got := ParseScheduleKey(ScheduleKey(SlotOf(5, a))); got != SlotOf(5, a) {
			t.Errorf("schedule key of %v reads %v", a, got)
		}
		for _, b := range ids {
			if a.Endpoint == b.Endpoint && bytes.Compare(DeliveryKey(SpaceQueued, a), DeliveryKey(SpaceQueued, b)) != a.Compare(b) {
				t.Errorf("%v and %v sort differently as keys", a, b)
			}
		}
	}
}
