package record

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// goldenRecords returns each kind of record by name.
func goldenRecords() map[string][]byte {
	event, delivery, endpoint, key := someEvent(), someDelivery(), someEndpoint(), someAPIKey()
	grant := someGrant()
	entry := someAudit()
	keyed := KeyedEvent{Version: 2, ID: event.ID, Deliveries: 3, Disabled: 1, Limited: 2, Fingerprint: [16]byte{1, 15: 9}}
	pending := delivery
	pending.Status, pending.Reason, pending.FinishedAt = webhook.Retrying, webhook.ReasonNone, time.Time{}
	attempt := delivery.AttemptLog[0]
	unknown := attempt
	unknown.Failure, unknown.Requests = "of a newer program", 1
	connected := attempt
	connected.Connection, connected.SentAs = someConnection(), 0xdeadbeef
	headed := Body{Number: 3, Truncated: true, Text: []byte("body"), Head: "HTTP/1.1 500 No\nA: b"}
	body := Body{Number: 3, Truncated: true, Text: []byte("body")}
	return map[string][]byte{
		"event":               EncodeEvent(&event, event.Endpoints),
		"event without parts": EncodeEvent(&event, nil),
		"numbers":             EncodeNumbers(event.Endpoints),
		"delivery, fresh":     Fresh,
		"delivery, failed":    EncodeDelivery(&delivery),
		"delivery, retrying":  EncodeDelivery(&pending),
		"attempt":             EncodeAttempt(&attempt),
		"attempt, no code":    EncodeAttempt(&unknown),
		"attempt, connection": EncodeAttempt(&connected),
		"body":                body.Encode(),
		"body with a head":    headed.Encode(),
		"endpoint":            EncodeEndpoint(&endpoint),
		"keyed event":         keyed.Encode(),
		"API key":             EncodeAPIKey(&key),
		"grant":               EncodeGrant(&grant),
		"audit":               EncodeAudit(&entry),
		"event type":          EncodeEventType(webhook.EventType{Name: "a", Description: "ünï"}),
		"job":                 EncodeJob(someJob()),
		"gate":                EncodeGate(webhook.GateState{OpenUntil: time.UnixMicro(1_750_000_000_000_000).UTC(), Openings: 7, Since: 300}),
	}
}

// TestGolden: what is on disk does not change. A record that changes on purpose gets a
// new version, and its bytes of today move to a test of older versions.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/records.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, bytes, _ := strings.Cut(strings.TrimSpace(line), ": ")
		want[name] = bytes
	}
	got := goldenRecords()
	for name, record := range got {
		if hex := hex.EncodeToString(record); hex != want[name] {
			t.Errorf("%s: %s, want %s", name, hex, want[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s: nothing writes it any more", name)
	}
}

// TestGoldenRecordsAreRead: cut off anywhere, a record is refused or reads as less, and
// never panics.
func TestGoldenRecordsAreRead(t *testing.T) {
	decoders := map[string]func([]byte) error{
		"event":               func(r []byte) error { _, err := DecodeEvent(someID, r); return err },
		"numbers":             func(r []byte) error { _, err := DecodeNumbers(r); return err },
		"delivery, failed":    func(r []byte) error { _, err := DecodeDelivery(someID, r); return err },
		"attempt":             func(r []byte) error { _, err := DecodeAttempt(r); return err },
		"attempt, no code":    func(r []byte) error { _, err := DecodeAttempt(r); return err },
		"body":                func(r []byte) error { _, err := DecodeBody(r); return err },
		"body with a head":    func(r []byte) error { _, err := DecodeBody(r); return err },
		"attempt, connection": func(r []byte) error { _, err := DecodeAttempt(r); return err },
		"endpoint":            func(r []byte) error { _, err := DecodeEndpoint(r); return err },
		"keyed event":         func(r []byte) error { _, err := DecodeKeyedEvent(r); return err },
		"API key":             func(r []byte) error { _, err := DecodeAPIKey(r); return err },
		"grant":               func(r []byte) error { _, err := DecodeGrant(r); return err },
		"event type":          func(r []byte) error { _, err := DecodeEventType(r); return err },
		"audit":               func(r []byte) error { _, err := decodeAudit(r); return err },
		"gate":                func(r []byte) error { _, err := DecodeGate(r); return err },
		"job":                 func(r []byte) error { _, err := DecodeJob(someID, r); return err },
	}
	// mayEndAt are the places where a record of an older version ended.
	mayEndAt := map[string]int{"gate": 2, "body": 4, "body with a head": 4, "delivery, failed": 1, "event": 7}
	records := goldenRecords()
	for name, decode := range decoders {
		record := records[name]
		if err := decode(record); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		readable := 0
		for n := range record {
			if decode(record[:n:n]) == nil {
				readable++
			}
		}
		if _, some := mayEndAt[name]; readable > 0 && !some {
			t.Errorf("%s: %d of its %d beginnings are read as whole records", name, readable, len(record))
		}
		newer := append([]byte{9}, record[1:]...)
		if err := decode(newer); err == nil {
			t.Errorf("%s: version 9 is read", name)
		}
	}
}
