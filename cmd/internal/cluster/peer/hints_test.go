package peer

import (
	"reflect"
	"slices"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

func batchOf(number byte, hints ...Hint) []byte {
	b := []byte{0, 0, 0, 0, 0, 0, 0, number}
	for i := range hints {
		b = hints[i].appendTo(b)
	}
	return b
}

var someHints = []Hint{
	{ID: webhook.ID{Seq: 1 << 60, Nonce: 7}, Type: "user.created", Data: []byte(`{"a":1}`), Endpoints: []webhook.EndpointNumber{1, 2, 1 << 30}},
	{ID: webhook.ID{Seq: 5}, Type: "a", Forwarded: true, Endpoints: []webhook.EndpointNumber{9}},
	{ByHand: true, Endpoints: []webhook.EndpointNumber{4}},
	{ID: webhook.ID{Seq: 6, Nonce: 1}, Type: "test", Data: []byte("0"), ByHand: true, Forwarded: true, Endpoints: []webhook.EndpointNumber{3}},
}

// TestBatch writes hints and reads them back.
func TestBatch(t *testing.T) {
	number, got, err := parseBatch(batchOf(9, someHints...))
	if err != nil || number != 9 {
		t.Fatal(number, err)
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], someHints[i]) {
			t.Errorf("got %+v, want %+v", got[i], someHints[i])
		}
		if want := someHints[i].size(); len(someHints[i].appendTo(nil)) != want {
			t.Errorf("hint %d: size says %d", i, want)
		}
	}
}

// TestBatchRefuses decodes batches that no node sends.
func TestBatchRefuses(t *testing.T) {
	with := func(change func(h *Hint)) []byte {
		h := someHints[0]
		change(&h)
		return batchOf(1, h)
	}
	for reason, b := range map[string][]byte{
		"no number":             {1, 2, 3},
		"no endpoint":           with(func(h *Hint) { h.Endpoints = nil }),
		"the endpoint 0":        with(func(h *Hint) { h.Endpoints = []webhook.EndpointNumber{0} }),
		"too many endpoints":    with(func(h *Hint) { h.Endpoints = slices.Repeat(h.Endpoints, MaxHintEndpoints) }),
		"data without a type":   with(func(h *Hint) { h.Type = "" }),
		"data without an event": with(func(h *Hint) { h.ID = webhook.ID{} }),
		"a type of other signs": with(func(h *Hint) { h.Type = "a b" }),
		"too much data":         with(func(h *Hint) { h.Data = make([]byte, webhook.MaxPayload+1) }),
		"an unknown flag":       append(batchOf(1), append([]byte{0x80}, someHints[0].appendTo(nil)[1:]...)...),
	} {
		if _, _, err := parseBatch(b); err == nil {
			t.Errorf("a batch with %s is read", reason)
		}
	}
	whole := batchOf(1, someHints[0])
	for n := batchHead + 1; n < len(whole); n++ {
		if _, _, err := parseBatch(whole[:n]); err == nil {
			t.Errorf("a batch that is cut off after %d of %d bytes is read", n, len(whole))
		}
	}
}

// FuzzBatch reads any bytes, and whatever is read as a batch is written back the same.
func FuzzBatch(f *testing.F) {
	f.Add(batchOf(1, someHints...))
	f.Add(batchOf(0))
	f.Fuzz(func(t *testing.T, b []byte) {
		number, hints, err := parseBatch(b)
		if err != nil {
			return
		}
		again := slices.Clone(b[:batchHead])
		for i := range hints {
			again = hints[i].appendTo(again)
		}
		if !slices.Equal(again, b) {
			t.Errorf("batch %d with %d hints is written back otherwise", number, len(hints))
		}
	})
}
