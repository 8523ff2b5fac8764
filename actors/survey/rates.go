package survey

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

const (
	// sampleEvery is the least time between two samples of the counters.
	sampleEvery = 10 * time.Second
	// samplesKept are enough for the longest period, 32 bytes each.
	samplesKept = int(time.Hour/sampleEvery) + 2
)

// periods are those for which there are rates.
var periods = []time.Duration{time.Minute, 5 * time.Minute, time.Hour}

// Counts are what the server has counted since it started.
type Counts struct{ Accepted, Delivered, Failed int64 }

// sample is the counts at one time.
type sample struct {
	at time.Time
	Counts
}

// samples are those of the last hour, in order of time. The first one is the start.
type samples []sample

// Sample notes the counts, and how much is pending, if it is time. The watchdog calls it
// every few seconds.
func (s *Survey) Sample(now time.Time, count func() Counts, pending int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.samples[len(s.samples)-1].at) < sampleEvery {
		return
	}
	if len(s.samples) == samplesKept {
		s.samples = append(s.samples[:0], s.samples[1:]...)
	}
	c := count()
	s.samples = append(s.samples, sample{now, c})
	s.series.note(now, c, pending)
}

// Rates returns how much was counted a second, over a minute, five minutes and an hour, or
// since the start where that is less. c are the counts at now.
func (s *Survey) Rates(now time.Time, c Counts) []webhook.Rate {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rates []webhook.Rate
	for _, over := range periods {
		from := s.samples.at(now.Add(-over))
		known := now.Sub(from.at)
		seconds := max(known.Seconds(), 1) // in the first second there is no rate yet
		rates = append(rates, webhook.Rate{
			Over: over, Known: min(known, over),
			Accepted:  float64(c.Accepted-from.Accepted) / seconds,
			Delivered: float64(c.Delivered-from.Delivered) / seconds,
			Failed:    float64(c.Failed-from.Failed) / seconds,
		})
	}
	return rates
}

// at returns the last sample that was taken at a time or before it, or the first one.
func (s samples) at(t time.Time) sample {
	for i := len(s) - 1; i > 0; i-- {
		if !s[i].at.After(t) {
			return s[i]
		}
	}
	return s[0]
}
