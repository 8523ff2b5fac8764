package record

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// The fuzz targets of what record_test.go has none for.

func FuzzGate(f *testing.F) {
	full := EncodeGate(webhook.GateState{OpenUntil: time.UnixMicro(1_750_000_000_000_000).UTC(), Openings: 7, Since: 9})
	f.Add(full)
	f.Add(full[:len(full)-1])
	f.Add([]byte{recordVersion, 0, 0})
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, DecodeGate, func(g *webhook.GateState) []byte { return EncodeGate(*g) })
	})
}

// FuzzEventParts: what is read of an event without the rest of it is as in the whole.
func FuzzEventParts(f *testing.F) {
	e := someEvent()
	f.Add(EncodeEvent(&e, e.Endpoints))
	f.Add(EncodeEvent(&e, e.Endpoints)[:12])
	f.Fuzz(func(t *testing.T, record []byte) {
		whole, err := DecodeEvent(someID, record)
		eventType, err1 := DecodeTypeOfEvent(record)
		endpoints, err2 := DecodeRecipients(record)
		if err != nil {
			return // a part before the damage can be read
		}
		if err1 != nil || eventType != whole.Type || err2 != nil || len(endpoints) != len(whole.Endpoints) {
			t.Fatalf("%q, %v and %v, %v; whole %+v", eventType, err1, endpoints, err2, whole)
		}
	})
}

func FuzzJob(f *testing.F) {
	full := EncodeJob(someJob())
	f.Add(full)
	f.Add(full[:len(full)-1])
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, func(r []byte) (bulk.Job, error) { return DecodeJob(someID, r) }, EncodeJob)
	})
}
