package storage_test

import (
	"math"
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// TestPreviousID: it steps through all IDs of an endpoint, down to the first.
func TestPreviousID(t *testing.T) {
	for _, c := range []struct {
		id, want webhook.ID
		more     bool
	}{
		{webhook.ID{Seq: 5, Endpoint: 7, Nonce: 3}, webhook.ID{Seq: 5, Endpoint: 7, Nonce: 2}, true},
		{webhook.ID{Seq: 5, Endpoint: 7}, webhook.ID{Seq: 4, Endpoint: 7, Nonce: math.MaxUint32}, true},
		{webhook.ID{Endpoint: 7}, webhook.ID{Endpoint: 7}, false},
	} {
		got, more := storage.PreviousID(c.id)
		if got != c.want || more != c.more {
			t.Errorf("before %+v: %+v, %v", c.id, got, more)
		}
		if more && (got.Compare(c.id) >= 0 || got.Endpoint != c.id.Endpoint) {
			t.Errorf("%+v is not before %+v", got, c.id)
		}
	}
}

// TestListStart: a list begins below its end in time, and continues behind the delivery
// that the page before ended with, for every endpoint.
func TestListStart(t *testing.T) {
	const most = math.MaxUint32
	before := webhook.ID{Seq: 5, Endpoint: 7, Nonce: 3}
	for reason, c := range map[string]struct {
		n      webhook.EndpointNumber
		until  uint64
		before webhook.ID
		want   webhook.ID
		none   bool
	}{
		"the first page":           {7, 10, webhook.ID{}, webhook.ID{Seq: 9, Endpoint: 7, Nonce: most}, false},
		"the same endpoint":        {7, 10, before, webhook.ID{Seq: 5, Endpoint: 7, Nonce: 2}, false},
		"a lower endpoint":         {6, 10, before, webhook.ID{Seq: 5, Endpoint: 6, Nonce: most}, false},
		"a higher endpoint":        {8, 10, before, webhook.ID{Seq: 4, Endpoint: 8, Nonce: most}, false},
		"a page beyond the end":    {6, 4, before, webhook.ID{Seq: 3, Endpoint: 6, Nonce: most}, false},
		"nothing is before it":     {7, 10, webhook.ID{Endpoint: 7}, webhook.ID{}, true},
		"nothing before Seq 0":     {8, 10, webhook.ID{Endpoint: 7, Nonce: 1}, webhook.ID{}, true},
		"a lower endpoint's Seq 0": {6, 10, webhook.ID{Endpoint: 7, Nonce: 1}, webhook.ID{Endpoint: 6, Nonce: most}, false},
	} {
		got, ok := storage.ListStart(c.n, c.until, c.before)
		if ok == c.none || ok && got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", reason, got, ok, c.want)
		}
	}
}
