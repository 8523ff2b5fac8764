package event

import (
	"bytes"
	"testing"
)

// Whatever single byte of the data changes, the receiver must see it.
func TestReadStampSeesEveryChange(t *testing.T) {
	data := AppendData(nil, 200)
	Stamp{1, 2, 3}.Put(data)
	body := append(append([]byte(`{"data":`), data...), '}')
	if _, err := Read(body); err != nil {
		t.Fatal(err)
	}
	for i := len(`{"data":`); i < len(body)-1; i++ {
		changed := bytes.Clone(body)
		changed[i] ^= 1
		if got, err := Read(changed); err == nil {
			t.Errorf("byte %d changed from %q to %q: read as %+v", i, body[i], changed[i], got)
		}
	}
	for _, short := range []string{"", "{}", `{"data":{"run":"`, string(body[:len(body)-2])} {
		if _, err := Read([]byte(short)); err == nil {
			t.Errorf("%q was read", short)
		}
	}
}
