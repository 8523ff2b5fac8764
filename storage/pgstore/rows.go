package pgstore

import (
	"github.com/corpastro/astrohook/storage/pgstore/columns"
	"github.com/corpastro/astrohook/webhook"
)

// Columns of the rows that a group writes, in the order of their parameters. A method
// params returns them; it is valid until the next row.

// keyColumns are idempotency keys.
type keyColumns struct {
	key     columns.Bytes
	expires columns.Int8
	record  columns.Bytes
}

func (c *keyColumns) reset() { c.key.Reset(); c.expires.Reset(); c.record.Reset() }

func (c *keyColumns) params() [][]byte {
	return [][]byte{c.key.Param(), c.expires.Param(), c.record.Param()}
}

// eventColumns are events.
type eventColumns struct {
	seq, nonce columns.Int8
	head, data columns.Bytes
}

func (c *eventColumns) reset() { c.seq.Reset(); c.nonce.Reset(); c.head.Reset(); c.data.Reset() }

func (c *eventColumns) add(e *webhook.Event, head []byte) {
	k := keyOf(e.ID)
	c.seq.Add(k.seq)
	c.nonce.Add(k.nonce)
	c.head.Add(head)
	data := e.Data
	if data == nil {
		data = []byte{} // the column holds no NULL
	}
	c.data.Add(data)
}

func (c *eventColumns) params() [][]byte {
	return [][]byte{c.seq.Param(), c.nonce.Param(), c.head.Param(), c.data.Param()}
}

// deliveryColumns are keys of deliveries.
type deliveryColumns struct {
	part       columns.Int2
	endpoint   columns.Int4
	seq, nonce columns.Int8
}

func (c *deliveryColumns) reset() {
	c.part.Reset()
	c.endpoint.Reset()
	c.seq.Reset()
	c.nonce.Reset()
}

func (c *deliveryColumns) add(id webhook.ID) {
	k := keyOf(id)
	c.part.Add(k.part)
	c.endpoint.Add(k.endpoint)
	c.seq.Add(k.seq)
	c.nonce.Add(k.nonce)
}

func (c *deliveryColumns) params() [][]byte {
	return [][]byte{c.part.Param(), c.endpoint.Param(), c.seq.Param(), c.nonce.Param()}
}

// doneColumns are deliveries that have finished.
type doneColumns struct {
	deliveryColumns
	status   columns.Int2
	finished columns.Int8
	record   columns.Bytes
}

func (c *doneColumns) reset() {
	c.deliveryColumns.reset()
	c.status.Reset()
	c.finished.Reset()
	c.record.Reset()
}

func (c *doneColumns) add(d *webhook.Delivery, record []byte) {
	c.deliveryColumns.add(d.ID)
	c.status.Add(statusCode(d.Status))
	c.finished.Add(d.FinishedAt.UnixMilli())
	c.record.Add(record)
}

func (c *doneColumns) params() [][]byte {
	return append(c.deliveryColumns.params(), c.status.Param(), c.finished.Param(), c.record.Param())
}

// settleColumns are deliveries that a settlement moves: to done, or with a due time.
type settleColumns struct {
	doneColumns
	due columns.Int8
}

func (c *settleColumns) reset() { c.doneColumns.reset(); c.due.Reset() }

func (c *settleColumns) add(d *webhook.Delivery, record []byte) {
	if d.Status.Finished() {
		c.doneColumns.add(d, record)
		return
	}
	c.deliveryColumns.add(d.ID)
	c.due.Add(int64(d.NextAttemptAt))
	c.record.Add(record)
}

func (c *settleColumns) params(k moveKind) [][]byte {
	if k.finishes() {
		return c.doneColumns.params()
	}
	return append(c.deliveryColumns.params(), c.due.Param(), c.record.Param())
}

// logColumns are attempts and bodies.
type logColumns struct {
	deliveryColumns
	slot   columns.Int2
	record columns.Bytes
}

func (c *logColumns) reset() { c.deliveryColumns.reset(); c.slot.Reset(); c.record.Reset() }

func (c *logColumns) add(id webhook.ID, slot int16, record []byte) {
	c.deliveryColumns.add(id)
	c.slot.Add(slot)
	c.record.Add(record)
}

func (c *logColumns) params() [][]byte {
	return append(c.deliveryColumns.params(), c.slot.Param(), c.record.Param())
}

// gateColumns are states of breakers.
type gateColumns struct {
	part     columns.Int2
	endpoint columns.Int4
	record   columns.Bytes
}

func (c *gateColumns) reset() { c.part.Reset(); c.endpoint.Reset(); c.record.Reset() }

func (c *gateColumns) add(n webhook.EndpointNumber, record []byte) {
	c.part.Add(int16(n.Part()))
	c.endpoint.Add(int32(n))
	c.record.Add(record)
}

func (c *gateColumns) params() [][]byte {
	return [][]byte{c.part.Param(), c.endpoint.Param(), c.record.Param()}
}

// unfinishedColumns are events of which later parts have no deliveries yet.
type unfinishedColumns struct {
	seq, nonce columns.Int8
	next       columns.Int4
	record     columns.Bytes
}

func (c *unfinishedColumns) reset() { c.seq.Reset(); c.nonce.Reset(); c.next.Reset(); c.record.Reset() }

func (c *unfinishedColumns) add(id webhook.ID, next int, record []byte) {
	k := keyOf(id)
	c.seq.Add(k.seq)
	c.nonce.Add(k.nonce)
	c.next.Add(int32(next))
	c.record.Add(record)
}

func (c *unfinishedColumns) params() [][]byte {
	return [][]byte{c.seq.Param(), c.nonce.Param(), c.next.Param(), c.record.Param()}
}
