package columns

import (
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
)

// Columns of the rows that a group writes, in the order of their parameters.

// Keys are idempotency keys.
type Keys struct {
	Key     Bytes
	Expires Int8
	Record  Bytes
}

// Reset removes all rows and keeps the memory.
func (c *Keys) Reset() { c.Key.Reset(); c.Expires.Reset(); c.Record.Reset() }

// Params returns the columns as parameters, valid until the next Add or Reset.
func (c *Keys) Params() [][]byte {
	return [][]byte{c.Key.Param(), c.Expires.Param(), c.Record.Param()}
}

// Events are events.
type Events struct {
	Seq, nonce Int8
	head, data Bytes
}

// Reset removes all rows and keeps the memory.
func (c *Events) Reset() { c.Seq.Reset(); c.nonce.Reset(); c.head.Reset(); c.data.Reset() }

// Add appends a row.
func (c *Events) Add(e *webhook.Event, head []byte) {
	k := tables.KeyOf(e.ID)
	c.Seq.Add(k.Seq)
	c.nonce.Add(k.Nonce)
	c.head.Add(head)
	data := e.Data
	if data == nil {
		data = []byte{} // the column holds no NULL
	}
	c.data.Add(data)
}

// Params returns the columns as parameters, valid until the next Add or Reset.
func (c *Events) Params() [][]byte {
	return [][]byte{c.Seq.Param(), c.nonce.Param(), c.head.Param(), c.data.Param()}
}

// Deliveries are keys of deliveries.
type Deliveries struct {
	part       Int2
	endpoint   Int4
	Seq, nonce Int8
}

// Reset removes all rows and keeps the memory.
func (c *Deliveries) Reset() {
	c.part.Reset()
	c.endpoint.Reset()
	c.Seq.Reset()
	c.nonce.Reset()
}

// Add appends a row.
func (c *Deliveries) Add(id webhook.ID) {
	k := tables.KeyOf(id)
	c.part.Add(k.Part)
	c.endpoint.Add(k.Endpoint)
	c.Seq.Add(k.Seq)
	c.nonce.Add(k.Nonce)
}

// Params returns the columns as parameters, valid until the next Add or Reset.
func (c *Deliveries) Params() [][]byte {
	return [][]byte{c.part.Param(), c.endpoint.Param(), c.Seq.Param(), c.nonce.Param()}
}

// Done are deliveries that have finished.
type Done struct {
	Deliveries
	status   Int2
	finished Int8
	record   Bytes
}

// Reset removes all rows and keeps the memory.
func (c *Done) Reset() {
	c.Deliveries.Reset()
	c.status.Reset()
	c.finished.Reset()
	c.record.Reset()
}

// Add appends a row.
func (c *Done) Add(d *webhook.Delivery, record []byte) {
	c.Deliveries.Add(d.ID)
	c.status.Add(tables.StatusCode(d.Status))
	c.finished.Add(d.FinishedAt.UnixMilli())
	c.record.Add(record)
}

// Params returns the columns as parameters, valid until the next Add or Reset.
func (c *Done) Params() [][]byte {
	return append(c.Deliveries.Params(), c.status.Param(), c.finished.Param(), c.record.Param())
}

// Settled are deliveries that a settlement moves: to done, or with a due time.
type Settled struct {
	Done
	due Int8
}

// Reset removes all rows and keeps the memory.
func (c *Settled) Reset() { c.Done.Reset(); c.due.Reset() }

// Add appends a row.
func (c *Settled) Add(d *webhook.Delivery, record []byte) {
	if d.Status.Finished() {
		c.Done.Add(d, record)
		return
	}
	c.Deliveries.Add(d.ID)
	c.due.Add(int64(d.NextAttemptAt))
	c.record.Add(record)
}

// Params returns the columns as parameters, valid until the next Add or Reset.
func (c *Settled) Params(finished bool) [][]byte {
	if finished {
		return c.Done.Params()
	}
	return append(c.Deliveries.Params(), c.due.Param(), c.record.Param())
}

// Log are attempts and bodies.
type Log struct {
	Deliveries
	slot   Int2
	record Bytes
}

// Reset removes all rows and keeps the memory.
func (c *Log) Reset() { c.Deliveries.Reset(); c.slot.Reset(); c.record.Reset() }

// Add appends a row.
func (c *Log) Add(id webhook.ID, slot int16, record []byte) {
	c.Deliveries.Add(id)
	c.slot.Add(slot)
	c.record.Add(record)
}

// Params returns the columns as parameters, valid until the next Add or Reset.
func (c *Log) Params() [][]byte {
	return append(c.Deliveries.Params(), c.slot.Param(), c.record.Param())
}

// Gates are states of breakers.
type Gates struct {
	Part     Int2
	endpoint Int4
	record   Bytes
}

// Reset removes all rows and keeps the memory.
func (c *Gates) Reset() { c.Part.Reset(); c.endpoint.Reset(); c.record.Reset() }

// Add appends a row.
func (c *Gates) Add(n webhook.EndpointNumber, record []byte) {
	c.Part.Add(int16(n.Part()))
	c.endpoint.Add(int32(n))
	c.record.Add(record)
}

// Params returns the columns as parameters, valid until the next Add or Reset.
func (c *Gates) Params() [][]byte {
	return [][]byte{c.Part.Param(), c.endpoint.Param(), c.record.Param()}
}

// Unfinished are events of which later parts have no deliveries yet.
type Unfinished struct {
	Seq, nonce Int8
	next       Int4
	record     Bytes
}

// Reset removes all rows and keeps the memory.
func (c *Unfinished) Reset() { c.Seq.Reset(); c.nonce.Reset(); c.next.Reset(); c.record.Reset() }

// Add appends a row.
func (c *Unfinished) Add(id webhook.ID, next int, record []byte) {
	k := tables.KeyOf(id)
	c.Seq.Add(k.Seq)
	c.nonce.Add(k.Nonce)
	c.next.Add(int32(next))
	c.record.Add(record)
}

// Params returns the columns as parameters, valid until the next Add or Reset.
func (c *Unfinished) Params() [][]byte {
	return [][]byte{c.Seq.Param(), c.nonce.Param(), c.next.Param(), c.record.Param()}
}
