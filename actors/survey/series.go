package survey

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// minutesKept is how many minutes the series has: a day.
const minutesKept = 24 * 60

// minute is what was counted in one minute.
type minute struct {
	number int64 // of the minute, counted from 1970; 0 if nothing is known
	Counts
	pending int64 // at its end
}

// series has a day of minutes, by number modulo minutesKept: 60 KB.
type series struct {
	minutes [minutesKept]minute
	last    Counts // at the last note
}

// note adds what was counted since the last call to the minute of now.
func (s *series) note(now time.Time, c Counts, pending int64) {
	number := now.Unix() / 60
	m := &s.minutes[number%minutesKept]
	if m.number != number {
		*m = minute{number: number}
	}
	m.Accepted += c.Accepted - s.last.Accepted
	m.Delivered += c.Delivered - s.last.Delivered
	m.Failed += c.Failed - s.last.Failed
	m.pending, s.last = pending, c
}

// Note brings the present minute up to date, between two samples.
func (s *Survey) Note(now time.Time, c Counts, pending int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.series.note(now, c, pending)
}

// Series returns what was counted in each minute of the last day, from the first one that is
// known on. The present minute is not over, and comes last.
func (s *Survey) Series(now time.Time) webhook.Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := now.Unix() / 60
	var out webhook.Series
	for number := last - minutesKept + 1; number <= last; number++ {
		m := &s.series.minutes[number%minutesKept]
		known := m.number == number
		if !known && out.From.IsZero() {
			continue
		}
		if out.From.IsZero() {
			out.From = time.Unix(number*60, 0).UTC()
		}
		var minute webhook.Minute
		if known {
			minute = webhook.Minute{Known: true, Accepted: m.Accepted, Delivered: m.Delivered, Failed: m.Failed, Pending: m.pending}
		}
		out.Minutes = append(out.Minutes, minute)
	}
	return out
}

// seriesVersion is the first byte of what EncodeSeries writes.
const seriesVersion = 1

// EncodeSeries returns the series as bytes, some 15 KB, for RestoreSeries of the next
// process.
func (s *Survey) EncodeSeries(now time.Time) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := now.Unix() / 60
	dst, before := []byte{seriesVersion}, int64(0)
	for number := last - minutesKept + 1; number <= last; number++ {
		m := &s.series.minutes[number%minutesKept]
		if m.number != number {
			continue
		}
		for _, n := range []int64{number - before, m.Accepted, m.Delivered, m.Failed, m.pending} {
			dst = binary.AppendUvarint(dst, uint64(max(n, 0)))
		}
		before = number
	}
	return dst
}

// errSeries is the error of bytes that EncodeSeries did not write.
var errSeries = errors.New("the series of minutes cannot be read")

// RestoreSeries takes over the minutes that an earlier process has counted. What this one
// has counted in the same minute is added.
func (s *Survey) RestoreSeries(value []byte) error {
	if len(value) == 0 || value[0] != seriesVersion {
		return errSeries
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	number := int64(0)
	for rest := value[1:]; len(rest) > 0; {
		var n [5]int64
		for i := range n {
			u, size := binary.Uvarint(rest)
			if size <= 0 {
				return errSeries
			}
			n[i], rest = int64(u&(1<<62-1)), rest[size:]
		}
		number += n[0]
		if number <= 0 || number > 1<<40 {
			return errSeries
		}
		m := &s.series.minutes[number%minutesKept]
		if m.number > number {
			continue // an older day
		}
		was := *m
		*m = minute{number, Counts{n[1], n[2], n[3]}, n[4]}
		if was.number == number {
			m.Accepted, m.Delivered, m.Failed = m.Accepted+was.Accepted, m.Delivered+was.Delivered, m.Failed+was.Failed
			m.pending = was.pending
		}
	}
	return nil
}
