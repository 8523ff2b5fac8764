package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
)

// An event's data carries all that the receiver needs to check it, at fixed
// offsets and with fixed widths, so that the generator overwrites bytes in place
// and the receiver reads them without parsing:
//
//	{"run":"0000002a","seq":"000000000f","sent":"17f0…","pad":"…","sum":"9a0364b9"}
//
// run names the run, seq counts its events from 0, sent is when the event was due
// in Unix nanoseconds, and sum is the CRC-32C of every byte of the data before it.
// All are hexadecimal strings: JSON numbers would be rewritten by a canonical form.
const (
	runAt   = len(`{"run":"`)
	seqAt   = runAt + runSize + len(`","seq":"`)
	sentAt  = seqAt + seqSize + len(`","sent":"`)
	padAt   = sentAt + sentSize + len(`","pad":"`)
	runSize = 8
	// seqSize allows 2^40 events in a run.
	seqSize  = 10
	sentSize = 16
	sumSize  = 8
	// sumTail is what stands behind the bytes that sum covers.
	sumTail = sumSize + len(`"}`)
)

// minPayload is the size of an event's data without padding, in bytes.
const minPayload = padAt + len(`","sum":"`) + sumTail

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamp is what tells one event from another.
type stamp struct {
	run  uint32
	seq  uint64
	sent int64 // Unix nanoseconds
}

// appendData appends an event's data of size bytes with empty stamps.
func appendData(dst []byte, size int) []byte {
	dst = append(dst, `{"run":"00000000","seq":"0000000000","sent":"0000000000000000","pad":"`...)
	source := rand.New(rand.NewPCG(1, uint64(size)))
	for range size - minPayload {
		dst = append(dst, byte('a'+source.IntN(26)))
	}
	return append(dst, `","sum":"00000000"}`...)
}

// write puts the stamp into an event's data and renews its sum.
func (s stamp) write(data []byte) {
	putHex(data[runAt:runAt+runSize], uint64(s.run))
	putHex(data[seqAt:seqAt+seqSize], s.seq)
	putHex(data[sentAt:sentAt+sentSize], uint64(s.sent))
	end := len(data) - sumTail
	putHex(data[end:end+sumSize], uint64(crc32.Checksum(data[:end], castagnoli)))
}

// putHex writes v in as many lower-case hexadecimal digits as dst is long.
func putHex(dst []byte, v uint64) {
	const digits = "0123456789abcdef"
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = digits[v&15]
		v >>= 4
	}
}

// errCorrupt is what readStamp finds in a body that no generator wrote, or that
// changed on its way.
var errCorrupt = errors.New("not the data of an event of this bench, or changed on the way")

var dataKey = []byte(`"data":{"run":"`)

// readStamp finds the event's data at the end of a body, checks its sum and
// gives its stamp.
func readStamp(body []byte) (stamp, error) {
	at := bytes.Index(body, dataKey)
	if at < 0 || len(body)-1-at < minPayload {
		return stamp{}, errCorrupt
	}
	data := body[at+len(`"data":`) : len(body)-1]
	end := len(data) - sumTail
	sum, sumOK := getHex(data[end : end+sumSize])
	if !sumOK || uint32(sum) != crc32.Checksum(data[:end], castagnoli) || string(data[end+sumSize:]) != `"}` {
		return stamp{}, errCorrupt
	}
	run, runOK := getHex(data[runAt : runAt+runSize])
	seq, seqOK := getHex(data[seqAt : seqAt+seqSize])
	sent, sentOK := getHex(data[sentAt : sentAt+sentSize])
	if !runOK || !seqOK || !sentOK {
		return stamp{}, errCorrupt
	}
	return stamp{uint32(run), seq, int64(sent)}, nil
}

func getHex(src []byte) (v uint64, ok bool) {
	var raw [8]byte
	if _, err := hex.Decode(raw[:], src); err != nil {
		return 0, false
	}
	for _, b := range raw[:len(src)/2] {
		v = v<<8 | uint64(b)
	}
	return v, true
}

// eventType is what the bench publishes: one of the types that every server knows.
const eventType = "report.generated"

// clientName names the n-th client, from 0, that owns endpoints of the bench.
func clientName(n int) string { return fmt.Sprintf("bench-%08x", n) }

// clientDigits is how many digits of a client's name tell it from the others.
const clientDigits = 8

// requestShape is what all requests of a run have in common.
type requestShape struct {
	host, path, token string
	payload, batch    int
	// clients is how many there are, at least 1: the event seq is for the client seq mod clients.
	clients int
}

// request is a publishing request, written once and stamped anew for each use.
type request struct {
	shape requestShape
	raw   []byte
	// events tells where each event's parts stand in raw.
	events []placed
}

type placed struct{ client, data, end int }

// newRequest writes a request with empty stamps.
func newRequest(s requestShape) *request {
	body, events := s.appendBody(nil)
	head := "POST " + s.path + " HTTP/1.1\r\nHost: " + s.host + "\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	if s.token != "" {
		head += "Authorization: Bearer " + s.token + "\r\n"
	}
	head += "\r\n"
	for i := range events {
		events[i].client += len(head)
		events[i].data += len(head)
		events[i].end += len(head)
	}
	return &request{shape: s, raw: append([]byte(head), body...), events: events}
}

// appendBody appends one event, or an array of them if the batch is larger.
func (s requestShape) appendBody(dst []byte) ([]byte, []placed) {
	events := make([]placed, s.batch)
	if s.batch > 1 {
		dst = append(dst, '[')
	}
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"event_type":"`+eventType+`","client_id":"`+clientName(0)...)
		events[i].client = len(dst) - clientDigits
		dst = append(dst, `","data":`...)
		events[i].data = len(dst)
		dst = appendData(dst, s.payload)
		events[i].end = len(dst)
		dst = append(dst, '}')
	}
	if s.batch > 1 {
		dst = append(dst, ']')
	}
	return dst, events
}

// stamp makes the request carry the events from first on.
func (r *request) stamp(first stamp) {
	for i, at := range r.events {
		s := first
		s.seq += uint64(i)
		putHex(r.raw[at.client:at.client+clientDigits], s.seq%uint64(r.shape.clients))
		s.write(r.raw[at.data:at.end])
	}
}
