package columns

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/corpastro/astrohook/webhook"
)

// rows is what all sets of columns have in common.
type rows interface {
	Reset()
}

// read returns what the database would read of parameters: an array each.
func read(t *testing.T, params [][]byte) (out []any) {
	t.Helper()
	for _, raw := range params {
		switch k := kind(raw[11]); k {
		case ofInt2:
			out = append(out, scan[[]int16](t, pgtype.Int2ArrayOID, raw))
		case ofInt4:
			out = append(out, scan[[]int32](t, pgtype.Int4ArrayOID, raw))
		case ofInt8:
			out = append(out, scan[[]int64](t, pgtype.Int8ArrayOID, raw))
		case ofBytea:
			out = append(out, scan[[][]byte](t, pgtype.ByteaArrayOID, raw))
		default:
			t.Fatalf("elements of type %d", k)
		}
	}
	return out
}

// sets is one of each kind of rows.
type sets struct {
	keys         Keys
	events       Events
	deliveries   Deliveries
	done         Done
	settled, due Settled
	log          Log
	gates        Gates
	unfinished   Unfinished
}

func (c *sets) all() []rows {
	return []rows{&c.keys, &c.events, &c.deliveries, &c.done, &c.settled, &c.due, &c.log, &c.gates, &c.unfinished}
}

// fill adds two rows to each. The second event has no data.
func (c *sets) fill(ids []webhook.ID, ends time.Time, records [][]byte) {
	data := [][]byte{records[0], nil}
	for i, id := range ids {
		c.keys.Key.Add(records[i])
		c.keys.Expires.Add(int64(i))
		c.keys.Record.Add(records[i])
		c.events.Add(&webhook.Event{ID: id, Data: data[i]}, records[i])
		c.deliveries.Add(id)
		finished := webhook.Delivery{ID: id, Status: []webhook.Status{webhook.Delivered, webhook.Cancelled}[i], FinishedAt: ends}
		c.done.Add(&finished, records[i])
		finished.Status = webhook.Failed
		c.settled.Add(&finished, records[i])
		c.due.Add(&webhook.Delivery{ID: id, Status: webhook.Retrying, NextAttemptAt: webhook.DueTime(5 + i)}, records[i])
		c.log.Add(id, int16(20+i), records[i])
		c.gates.Add(id.Endpoint, records[i])
		c.unfinished.Add(id, 20_000*i, records[i])
	}
}

// TestRows: the columns of each kind of row, in the order of the statements that take
// them, with the numbers that are not the same outside: parts, codes, times.
func TestRows(t *testing.T) {
	// The largest numbers that columns hold are among them.
	one := webhook.ID{Seq: 1<<63 - 1, Endpoint: 257, Nonce: 1<<32 - 1}
	other := webhook.ID{Seq: 7, Endpoint: 1<<26 - 1}
	ends := time.UnixMilli(1_800_000_000_123)
	delivery := []any{[]int16{1, 255}, []int32{257, 1<<26 - 1}, []int64{1<<63 - 1, 7}, []int64{1<<32 - 1, 0}}
	event := []any{[]int64{1<<63 - 1, 7}, []int64{1<<32 - 1, 0}}
	records := [][]byte{{1, 2}, {}}
	var c sets
	for round := range 2 {
		for _, r := range c.all() {
			r.Reset()
		}
		c.fill([]webhook.ID{one, other}, ends, records)
		at := []int64{ends.UnixMilli(), ends.UnixMilli()}
		for _, set := range []struct {
			name   string
			params [][]byte
			want   []any
		}{
			{"keys", c.keys.Params(), []any{records, []int64{0, 1}, records}},
			{"events", c.events.Params(), append(event[:2:2], records, records)},
			{"deliveries", c.deliveries.Params(), delivery},
			{"done", c.done.Params(), append(delivery[:4:4], []int16{1, 3}, at, records)},
			{"settled", c.settled.Params(true), append(delivery[:4:4], []int16{2, 2}, at, records)},
			{"due", c.due.Params(false), append(delivery[:4:4], []int64{5, 6}, records)},
			{"log", c.log.Params(), append(delivery[:4:4], []int16{20, 21}, records)},
			{"gates", c.gates.Params(), append(delivery[:2:2], records)},
			{"unfinished", c.unfinished.Params(), append(event[:2:2], []int32{0, 20_000}, records)},
		} {
			if got := read(t, set.params); !reflect.DeepEqual(got, set.want) {
				t.Errorf("round %d, %s: %v, want %v", round, set.name, got, set.want)
			}
		}
	}
}

// TestResetForgetsAllColumns: a set of columns whose columns differ in length would be
// refused by unnest, or worse, be filled up with NULLs.
func TestResetForgetsAllColumns(t *testing.T) {
	var c sets
	c.fill([]webhook.ID{{Seq: 1, Endpoint: 2, Nonce: 3}, {Seq: 2, Endpoint: 2}}, time.UnixMilli(1), [][]byte{{1}, {2}})
	for _, r := range c.all() {
		r.Reset()
	}
	for i, params := range [][][]byte{
		c.keys.Params(), c.events.Params(), c.deliveries.Params(), c.done.Params(), c.settled.Params(true), c.settled.Params(false),
		c.due.Params(true), c.due.Params(false), c.log.Params(), c.gates.Params(), c.unfinished.Params(),
	} {
		for at, raw := range params {
			if len(raw) != 12 {
				t.Errorf("set %d, column %d has %x after a reset", i, at, raw)
			}
		}
	}
}

// TestWireFormat: the bytes of arrays as PostgreSQL's documentation of array_send has them.
func TestWireFormat(t *testing.T) {
	var numbers Int2
	var texts Bytes
	if got := numbers.Param(); !bytes.Equal(got, []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 21}) {
		t.Errorf("an empty array is %x", got)
	}
	numbers.Add(-2)
	texts.Add([]byte("ab"))
	texts.Add(nil)
	texts.Add([]byte{})
	for _, c := range []struct{ got, want []byte }{
		{numbers.Param(), []byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 21, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe}},
		{texts.Param(), []byte{
			0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 17, 0, 0, 0, 3, 0, 0, 0, 1,
			0, 0, 0, 2, 'a', 'b', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
		}},
		{Of2(-1), []byte{0xff, 0xff}},
		{Of4(1), []byte{0, 0, 0, 1}},
		{Of(-2), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%x, want %x", c.got, c.want)
		}
	}
	// More can be added after a parameter was taken.
	numbers.Add(3)
	if got := scan[[]int16](t, pgtype.Int2ArrayOID, numbers.Param()); !reflect.DeepEqual(got, []int16{-2, 3}) {
		t.Errorf("%v", got)
	}
}
