package webhook

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

func TestAppendBody(t *testing.T) {
	id := ID{Seq: SeqAt(time.UnixMilli(1747477845123)), Nonce: 5}.For(3)
	abroad := time.FixedZone("somewhere", -7*3600)
	for _, c := range []struct {
		why, eventType, data, at, quoted string
		time                             time.Time
	}{
		{
			why: "as the design shows it", eventType: "user.created", data: `{"a":1}`,
			time: time.Date(2025, 5, 17, 10, 30, 45, 123e6, time.UTC), at: "2025-05-17T10:30:45.123Z", quoted: `"user.created"`,
		},
		{
			why: "UTC, three decimals, cut off", eventType: "a", data: `null`,
			time: time.Date(2025, 12, 31, 17, 0, 0, 999_999, abroad), at: "2026-01-01T00:00:00.000Z", quoted: `"a"`,
		},
		{
			why: "a type is escaped as JavaScript does", eventType: "a\"\\\n\x01<é\u2028\xff", data: `[]`,
			time: time.Unix(0, 0), at: "1970-01-01T00:00:00.000Z", quoted: "\"a\\\"\\\\\\n\\u0001<é\u2028\ufffd\"",
		},
	} {
		want := `before{"id":"` + DeliveryID.Format(id) + `","timestamp":"` + c.at + `","event_type":` + c.quoted + `,"data":` + c.data + `}`
		got := string(AppendBody([]byte("before"), id, c.time, c.eventType, []byte(c.data)))
		if got != want {
			t.Errorf("%s:\n  got  %s\n  want %s", c.why, got, want)
		}
		if body := strings.TrimPrefix(got, "before"); !json.Valid([]byte(body)) {
			t.Errorf("%s: not valid JSON: %s", c.why, body)
		}
	}
}

// TestBodyAgainstNode: a receiver that serialises the parsed body again gets the same bytes.
func TestBodyAgainstNode(t *testing.T) {
	data, err := canonicaljson.Append(nil, []byte(`{"b":1.0,"2":"\u2028\/","1":[1e21,-0,0.10]}`))
	if err != nil {
		t.Fatal(err)
	}
	body := AppendBody(nil, benchmarkID, benchmarkTime, "user.created", data)
	const program = `process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0, 'utf8'))))`
	node := exec.Command("node", "-e", program)
	node.Stdin = bytes.NewReader(body)
	js, err := node.Output()
	if err != nil {
		t.Fatal("node: install Node.js to run the tests: ", err)
	}
	if !bytes.Equal(js, body) {
		t.Errorf("got  %s\nnode %s", body, js)
	}
}

func TestFormatTime(t *testing.T) {
	at := time.Date(2025, 5, 17, 12, 30, 45, 7_999_999, time.FixedZone("", 7200))
	if got, want := FormatTime(at), "2025-05-17T10:30:45.007Z"; got != want || string(AppendTime(nil, at)) != want {
		t.Errorf("got %s and %s, want %s", got, AppendTime(nil, at), want)
	}
}

func TestAppendBodyAllocations(t *testing.T) {
	dst := make([]byte, 0, len(typical)+120)
	if n := testing.AllocsPerRun(200, func() { AppendBody(dst, benchmarkID, benchmarkTime, "user.created", typical) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestFormatTimeAgrees: for any time of four-digit years it is what the standard library writes.
func TestFormatTimeAgrees(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	for range 20_000 {
		at := time.Unix(random.Int64N(last), random.Int64N(1e9)).In(time.FixedZone("far", random.IntN(80_000)-40_000))
		if got, want := FormatTime(at), at.UTC().Format("2006-01-02T15:04:05.000Z"); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// FuzzAppendBody: whatever the event, the body is one JSON object from which a receiver reads
// back what was put in.
func FuzzAppendBody(f *testing.F) {
	f.Add(uint64(1), uint32(2), int64(1747477845123), "user.created", []byte(`{"a":[1,null]}`))
	f.Add(uint64(0), uint32(0), int64(0), "a\"\\\x00\xff\u2028", []byte(`"x"`))
	f.Add(uint64(1)<<63, uint32(1)<<31, int64(253402300799999), "", []byte(` [ 1.0 ] `))
	f.Fuzz(func(t *testing.T, seq uint64, nonce uint32, ms int64, eventType string, text []byte) {
		data, err := canonicaljson.Append(nil, text)
		if err != nil || ms < 0 || ms > 253402300799999 { // the year 9999
			return
		}
		id, at := ID{Seq: seq, Nonce: nonce}.For(1), time.UnixMilli(ms)
		var got struct {
			ID        string          `json:"id"`
			Timestamp string          `json:"timestamp"`
			EventType string          `json:"event_type"`
			Data      json.RawMessage `json:"data"`
		}
		body := AppendBody(nil, id, at, eventType, data)
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil || d.More() {
			t.Fatalf("%s: %v", body, err)
		}
		sentAt, err := ParseTime(got.Timestamp)
		if err != nil || !sentAt.Equal(at) {
			t.Fatalf("sent at %v, which reads as %v, %v", at, sentAt, err)
		}
		parsed, err := DeliveryID.Parse(got.ID)
		if err != nil || parsed != id || got.EventType != strings.ToValidUTF8(eventType, "\ufffd") && utf8.ValidString(eventType) || !bytes.Equal(got.Data, data) {
			t.Fatalf("%s: %+v, %v", body, got, err)
		}
	})
}
