package lane

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// passOne takes one delivery through a lane: offered, sent, answered, recorded.
func passOne(l *Lane, seq uint64, data []byte, now time.Time) {
	d := webhook.Delivery{ID: webhook.ID{Seq: seq, Endpoint: 1}, EventType: "t", Status: webhook.Queued}
	l.Offer(&Entry{Due: webhook.Due{Delivery: d, Data: data}, Charged: len(data)}, now)
	e := l.Next(now)
	l.Attempted(e, webhook.Attempt{At: now, StatusCode: 200}, 0, now)
	l.Out.Settle, l.Out.Release = l.Out.Settle[:0], 0
	l.Recorded(e)
}

func readyLane(now time.Time) *Lane {
	m := NewMemory()
	l := New(&m)
	l.Configure(&webhook.Endpoint{Status: webhook.EndpointActive}, webhook.DefaultSettings(), webhook.GateState{}, now)
	l.ReadQueue(now)
	l.QueueRead(nil, true, now)
	l.ReadSchedule(now)
	l.ScheduleRead(nil, 0, now)
	return l
}

// BenchmarkLane is the lane's own part of a delivery.
func BenchmarkLane(b *testing.B) {
	now, data := time.Now(), make([]byte, 512)
	l, seq := readyLane(now), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		passOne(l, seq, data, now)
	}
}
