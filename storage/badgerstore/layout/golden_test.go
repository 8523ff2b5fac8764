package layout

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var someID = webhook.ID{Seq: 1<<62 + 12345, Endpoint: 77, Nonce: 0xdeadbeef}

// goldenRecords returns each kind of record and key by name.
func goldenRecords() map[string][]byte {
	keyed := webhook.Event{Publisher: "backend", IdempotencyKey: "key"}
	part := Part{All: []webhook.EndpointNumber{7, 9, 300}, Disabled: []webhook.EndpointNumber{9}}
	return map[string][]byte{
		"part":      part.Encode(),
		"remainder": Remainder{Next: 1, Last: 300}.Encode(),
		"key count": KeyCount{Endpoints: 300, Check: []byte("check")}.Encode(),
		"number":    EncodeNumber(300),
		"tally":     Tally{Commits: 300, Pending: 2}.Encode(),

		"key of an endpoint":   EndpointKey(SpaceEndpoint, 77),
		"key of a client":      ClientKey("ab", 77),
		"key of a deletion":    DeletedKey(time.UnixMilli(1_750_000_000_000), 77),
		"key of a secret key":  SecretKeyKey("id"),
		"key of an event type": EventTypeKey("user.created"),
		"key of an API key":    APIKeyKey("abc"),
		"key of a grant":       GrantKey(SpaceGrant, "abc"),
		"key of a logo":        GrantKey(SpaceLogo, "abc"),
		"key of an audit":      AuditKey(someID),
		"key of a keyed event": IdempotencyKey(&keyed),
		"key of an event":      EventKey(someID),
		"key of a part":        PartKey(someID, 258),
		"key of a remainder":   RemainderKey(someID),
		"key of a delivery":    DeliveryKey(SpaceFailed, someID),
		"key of a slot":        ScheduleKey(SlotOf(1_750_000_000_001, someID)),
		"key of an attempt":    AttemptKey(someID, 25),
		"key of a body":        BodyKey(someID, 25),
		"key of a job":         JobKey(someID),
		"key of its note":      EndpointKey(SpaceUnfinished, 77),
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

// TestGoldenRecordsAreRead: cut off anywhere, a record is refused and never panics.
func TestGoldenRecordsAreRead(t *testing.T) {
	records := goldenRecords()
	for name, decode := range map[string]func([]byte) error{
		"part":      func(r []byte) error { _, err := DecodePart(r); return err },
		"remainder": func(r []byte) error { _, err := DecodeRemainder(r); return err },
		"key count": func(r []byte) error { _, err := DecodeKeyCount(r); return err },
		"number":    func(r []byte) error { _, err := DecodeNumber(r); return err },
		"tally":     func(r []byte) error { _, err := DecodeTally(r); return err },
	} {
		whole := records[name]
		if err := decode(whole); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range whole {
			if err := decode(whole[:n:n]); !errors.Is(err, record.ErrDamaged) {
				t.Errorf("%s: its first %d bytes: %v", name, n, err)
			}
		}
		newer := append([]byte{9}, whole[1:]...)
		if err := decode(newer); err == nil && name != "number" && name != "tally" {
			t.Errorf("%s: version 9 is read", name)
		}
	}
}

// TestKeySizes: the sizes by which a check recognises keys are those of the keys.
func TestKeySizes(t *testing.T) {
	for name, key := range goldenRecords() {
		if !strings.HasPrefix(name, "key of") {
			continue
		}
		if size, fixed := Space(key[0]).KeySize(); fixed && size != len(key) {
			t.Errorf("%s has %d bytes, KeySize says %d", name, len(key), size)
		}
	}
}
