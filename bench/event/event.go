// Package event is the data of the bench's events: what loadgen publishes and the
// receiver recognises when it arrives.
//
// What belongs here: the layout of the data, its checksum, and the names that both
// sides must agree on. What does not: requests (loadgen) and what a run expects of
// its deliveries (receiver). It imports nothing of the bench.
package event

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
)

// An event's data has all that the receiver needs to check it, at fixed offsets and
// with fixed widths, so that the generator overwrites bytes in place and the receiver
// reads them without parsing: both share their processors with the server.
//
//	{"run":"0000002a","seq":"000000000f","sent":"17f0…","pad":"…","sum":"9a0364b9"}
//
// run names the run, seq counts its events from 0, sent is when the event was due
// in Unix nanoseconds, and sum is the CRC-32C of every byte of the data before it.
// All are hexadecimal strings: a canonical form would rewrite JSON numbers.
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
	// sumTail is the length of what stands behind the bytes that sum covers.
	sumTail = sumSize + len(`"}`)
)

// MinPayload is the size of an event's data without padding, in bytes.
const MinPayload = padAt + len(`","sum":"`) + sumTail

// castagnoli is the polynomial for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Stamp names an event among all events of all runs, and when it was due.
type Stamp struct {
	Run  uint32
	Seq  uint64
	Sent int64 // Unix nanoseconds
}

// AppendData appends an event's data of size bytes, at least MinPayload, with an empty
// stamp. The padding is random letters, which compress as badly as real data, and the
// same for the same size, so that runs can be compared.
func AppendData(dst []byte, size int) []byte {
	dst = append(dst, `{"run":"00000000","seq":"0000000000","sent":"0000000000000000","pad":"`...)
	source := rand.New(rand.NewPCG(1, uint64(size)))
	for range size - MinPayload {
		dst = append(dst, byte('a'+source.IntN(26)))
	}
	return append(dst, `","sum":"00000000"}`...)
}

// Put writes the stamp into an event's data, and the sum that goes with it.
func (s Stamp) Put(data []byte) {
	putHex(data[runAt:runAt+runSize], uint64(s.Run))
	putHex(data[seqAt:seqAt+seqSize], s.Seq)
	putHex(data[sentAt:sentAt+sentSize], uint64(s.Sent))
	end := len(data) - sumTail
	putHex(data[end:end+sumSize], uint64(crc32.Checksum(data[:end], castagnoli)))
}

// putHex writes v in as many lower-case hexadecimal digits as dst is long; digits that do
// not fit are left out.
func putHex(dst []byte, v uint64) {
	const digits = "0123456789abcdef"
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = digits[v&15]
		v >>= 4
	}
}

// errCorrupt means that no generator wrote the body, or that it changed on its way.
var errCorrupt = errors.New("not the data of an event of this bench, or changed on the way")

var dataKey = []byte(`"data":{"run":"`)

// Read finds the event's data at the end of a delivery's body, checks its sum, and
// returns its stamp.
func Read(body []byte) (Stamp, error) {
	at := bytes.Index(body, dataKey)
	if at < 0 || len(body)-1-at < MinPayload {
		return Stamp{}, errCorrupt
	}
	data := body[at+len(`"data":`) : len(body)-1]
	end := len(data) - sumTail
	sum, sumOK := getHex(data[end : end+sumSize])
	if !sumOK || uint32(sum) != crc32.Checksum(data[:end], castagnoli) || string(data[end+sumSize:]) != `"}` {
		return Stamp{}, errCorrupt
	}
	run, runOK := getHex(data[runAt : runAt+runSize])
	seq, seqOK := getHex(data[seqAt : seqAt+seqSize])
	sent, sentOK := getHex(data[sentAt : sentAt+sentSize])
	if !runOK || !seqOK || !sentOK {
		return Stamp{}, errCorrupt
	}
	return Stamp{uint32(run), seq, int64(sent)}, nil
}

// getHex reads up to 16 hexadecimal digits, an even number of them.
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

// Type is the type of the events: one that every server knows, so that none has to be
// registered.
const Type = "report.generated"

// ClientName returns the name of the n-th client, from 0, that owns endpoints of the
// bench. All names are equally long.
func ClientName(n int) string { return fmt.Sprintf("bench-%08x", n) }

// clientDigits is how many digits a client's name ends with.
const clientDigits = 8

// PutClient turns the client's name at the end of name into that of the n-th client.
func PutClient(name []byte, n uint64) { putHex(name[len(name)-clientDigits:], n) }
