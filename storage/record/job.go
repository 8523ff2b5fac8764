package record

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// EncodeJob returns the record of a job; its ID is in the key.
func EncodeJob(j *bulk.Job) []byte {
	dst := appendString([]byte{recordVersion}, j.ClientID)
	dst = appendString(dst, string(j.Action))
	f := &j.Filter
	dst = appendTexts(dst, f.Statuses)
	dst = appendTexts(dst, f.EventTypes)
	dst = appendString(appendString(dst, string(f.Reason)), string(f.Code))
	dst = binary.AppendUvarint(dst, uint64(f.MinAttempts))
	dst = appendTime(appendTime(dst, f.Since), f.Until)
	dst = binary.AppendUvarint(dst, uint64(j.Rate))
	dst = appendString(appendString(dst, j.CreatedBy), string(j.Status))
	dst = appendString(appendTime(dst, j.FinishedAt), j.Error)
	for _, n := range []int64{j.Total, j.Looked, j.Changed} {
		dst = binary.AppendVarint(dst, n)
	}
	return j.Before.AppendTo(binary.AppendUvarint(dst, uint64(j.Query)))
}

// DecodeJob reads what EncodeJob wrote.
func DecodeJob(id webhook.ID, record []byte) (bulk.Job, error) {
	d := newDecoder(record)
	j := bulk.Job{ID: id, ClientID: d.string(), Action: bulk.Action(d.string())}
	f := &j.Filter
	f.Statuses = cutTexts[webhook.Status](d)
	f.EventTypes = cutTexts[string](d)
	f.Reason, f.Code = webhook.Reason(d.string()), webhook.CodeFilter(d.string())
	f.MinAttempts = d.number()
	f.Since, f.Until = d.time(), d.time()
	j.Rate = d.number()
	j.CreatedBy, j.Status = d.string(), bulk.Status(d.string())
	j.FinishedAt, j.Error = d.time(), d.string()
	j.Total, j.Looked, j.Changed = d.varint(), d.varint(), d.varint()
	j.Query, j.Before = d.number(), d.id()
	return j, d.err
}

// appendTexts appends a list of texts with its length in front.
func appendTexts[T ~string](dst []byte, list []T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, text := range list {
		dst = appendString(dst, string(text))
	}
	return dst
}

// cutTexts reads what appendTexts wrote; nil for an empty list.
func cutTexts[T ~string](d *decoder) (list []T) {
	for range d.count() {
		list = append(list, T(d.string()))
	}
	return list
}
