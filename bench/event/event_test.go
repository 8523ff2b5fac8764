package event

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// body is a delivery with this data, as the server sends it.
func body(data []byte) []byte {
	return append(append([]byte(`{"id":"whd_1","event_type":"`+Type+`","data":`), data...), '}')
}

func TestStampsSurvive(t *testing.T) {
	for _, want := range []Stamp{
		{},
		{Run: 5, Seq: 40, Sent: 1_700_000_000_123_456_789},
		{Run: 1<<32 - 1, Seq: 1<<40 - 1, Sent: 1<<63 - 1}, // the largest of each
	} {
		for _, size := range []int{MinPayload, 128, 128 << 10} {
			data := AppendData(nil, size)
			want.Put(data)
			if len(data) != size || !json.Valid(data) {
				t.Errorf("%d bytes asked for, %d made, JSON: %v", size, len(data), json.Valid(data))
			}
			if got, err := Read(body(data)); err != nil || got != want {
				t.Errorf("%+v in %d bytes was read as %+v, %v", want, size, got, err)
			}
		}
	}
}

// Data is used again with other stamps: nothing of the former one may be left.
func TestStampsReplaceOneAnother(t *testing.T) {
	used, fresh := AppendData(nil, 200), AppendData(nil, 200)
	Stamp{Run: 1<<32 - 1, Seq: 1<<40 - 1, Sent: 1<<63 - 1}.Put(used)
	last := Stamp{Run: 1, Seq: 2, Sent: 3}
	last.Put(used)
	last.Put(fresh)
	if !bytes.Equal(used, fresh) {
		t.Errorf("%s\ndiffers from\n%s", used, fresh)
	}
}

// Two runs with the same sizes publish the same bytes, apart from the stamps; and the
// data is not one letter repeated, which would compress to nothing.
func TestPaddingIsTheSameEachTime(t *testing.T) {
	data := AppendData([]byte("before"), 1000)
	if !bytes.Equal(data[len("before"):], AppendData(nil, 1000)) || !bytes.HasPrefix(data, []byte("before")) {
		t.Errorf("the data differs each time, or overwrites what is before it: %.80s", data)
	}
	if most := bytes.Count(data, []byte("a")); most > 100 {
		t.Errorf("%d of 1,000 bytes are a", most)
	}
}

// Whatever single byte of the data changes, the receiver must see it.
func TestReadSeesEveryChange(t *testing.T) {
	data := AppendData(nil, 200)
	Stamp{1, 2, 3}.Put(data)
	whole := body(data)
	if _, err := Read(whole); err != nil {
		t.Fatal(err)
	}
	for i := bytes.Index(whole, data); i < len(whole)-1; i++ {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		if got, err := Read(changed); err == nil {
			t.Errorf("byte %d changed from %q to %q: read as %+v", i, whole[i], changed[i], got)
		}
	}
}

func TestReadRefusesWhatIsNoEvent(t *testing.T) {
	data := AppendData(nil, MinPayload)
	Stamp{1, 2, 3}.Put(data)
	whole := string(body(data))
	for name, text := range map[string]string{
		"nothing":            "",
		"an empty object":    "{}",
		"a beginning":        `{"data":{"run":"`,
		"a body cut off":     whole[:len(whole)-2],
		"a longer body":      whole + " ",
		"other data":         `{"data":{"hello":"` + strings.Repeat("x", 200) + `"}}`,
		"data that is short": `{"data":{"run":"00000001"}}`,
	} {
		if got, err := Read([]byte(text)); err == nil {
			t.Errorf("%s was read as %+v", name, got)
		}
	}
}

func TestPutClient(t *testing.T) {
	for _, n := range []int{0, 1, 255, 1<<32 - 1} {
		name := []byte(ClientName(7))
		PutClient(name, uint64(n))
		if string(name) != ClientName(n) {
			t.Errorf("client %d is called %s, want %s", n, name, ClientName(n))
		}
	}
}

// Reading is on the way of every delivery, stamping on that of every request.
func TestStampsAllocate(t *testing.T) {
	data := AppendData(nil, 512)
	whole := body(data)
	s := Stamp{Run: 1, Seq: 2, Sent: 3}
	if n := testing.AllocsPerRun(1000, func() { s.Put(whole[len(whole)-513 : len(whole)-1]) }); n != 0 {
		t.Errorf("%v allocations to write a stamp", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := Read(whole); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations to read a stamp", n)
	}
}

func FuzzRead(f *testing.F) {
	data := AppendData(nil, 128)
	Stamp{1, 2, 3}.Put(data)
	f.Add(body(data))
	f.Add([]byte(`{"data":{"run":"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Read(raw)
		if err != nil {
			return
		}
		again := bytes.Clone(raw) // what was read can be written in its place
		at := bytes.Index(again, dataKey) + len(`"data":`)
		s.Put(again[at : len(again)-1])
		if got, err := Read(again); err != nil || got != s {
			t.Errorf("%+v became %+v, %v", s, got, err)
		}
	})
}
