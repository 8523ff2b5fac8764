// Package stats has the figures of one endpoint's last hour: how many attempts succeeded
// and failed, how long the answers took, and what the last failure was. What the figures
// decide does not belong here.
package stats

import (
	"math/bits"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

const (
	statsSlice  = 10 * time.Minute
	statsSlices = 6 // an hour
	// Latencies are counted in buckets: four for each power of two of 64 µs, up to an
	// hour. A quantile is then at most a quarter too large.
	latencyUnit    = 64 * time.Microsecond
	latencyBuckets = 4 * 27
)

// Hour is what an endpoint's actor remembers about the last hour: a histogram of
// latencies for each ten minutes, and the last failure. It outlives the actor, but
// not a change of the receiver, whose conduct it describes. It is not safe for
// concurrent use.
type Hour struct {
	receiverSince uint64                  // the endpoint's: the revision that introduced the receiver
	slices        [statsSlices]*statsPart // by number modulo statsSlices; nil where nothing happened
	lastAttempt   time.Time
	lastSuccess   time.Time
	lastFailure   time.Time
	lastReason    webhook.Reason
	lastStatus    int
}

// statsPart counts the attempts of ten minutes.
type statsPart struct {
	number              int64 // of the ten minutes, counted from 1970
	successes, failures int64
	latencies           [latencyBuckets]uint32
}

// Describe clears the figures unless they are about this receiver, and reports whether it did.
func (s *Hour) Describe(receiverSince uint64) (cleared bool) {
	if cleared = s.receiverSince != receiverSince; cleared {
		*s = Hour{receiverSince: receiverSince}
	}
	return cleared
}

// FailedLately reports whether an attempt of the last hour failed.
func (s *Hour) FailedLately(now time.Time) bool {
	return !s.lastFailure.IsZero() && now.Sub(s.lastFailure) < statsSlice*statsSlices
}

// Tally counts the attempts of the last hour.
func (s *Hour) Tally(now time.Time) (t webhook.Tally) {
	oldest := now.UnixNano()/int64(statsSlice) - statsSlices
	for _, part := range s.slices {
		if part != nil && part.number > oldest {
			t.Successes += part.successes
			t.Failures += part.failures
		}
	}
	return t
}

// Record counts an attempt, and returns its latency. Only an answer has one, others have 0:
// the time that a connection took to be refused says nothing about the speed of the receiver.
func (s *Hour) Record(a *webhook.Attempt, o webhook.Outcome) (latency time.Duration) {
	end := a.At.Add(a.Duration)
	s.lastAttempt = end
	part := s.part(end)
	if a.StatusCode != 0 {
		if latency = a.Latency; latency == 0 {
			latency = a.Duration
		}
		part.latencies[latencyBucket(latency)]++
	}
	if o.Verdict == webhook.Success {
		part.successes++
		s.lastSuccess = end
		return latency
	}
	part.failures++
	s.lastFailure, s.lastReason, s.lastStatus = end, o.Reason, a.StatusCode
	return latency
}

// part returns the ten minutes that a time lies in. It reuses the memory of those an
// hour before.
func (s *Hour) part(at time.Time) *statsPart {
	number := at.UnixNano() / int64(statsSlice)
	part := &s.slices[number%statsSlices]
	if *part == nil {
		*part = &statsPart{number: number}
	} else if (*part).number != number {
		**part = statsPart{number: number}
	}
	return *part
}

// Receiver returns the revision of the endpoint that introduced the receiver of which
// the figures are.
func (s *Hour) Receiver() uint64 { return s.receiverSince }

// AnsweredLast reports whether the latest attempt of the last hour succeeded.
func (s *Hour) AnsweredLast() bool { return s.lastSuccess.After(s.lastFailure) }

// Stale reports whether the last hour is empty, so that nothing is lost with the stats.
func (s *Hour) Stale(now time.Time) bool {
	return now.Sub(s.lastAttempt) > statsSlice*statsSlices
}

// Fill adds the figures of the last hour to a health report.
func (s *Hour) Fill(h *webhook.Health, now time.Time) {
	var sum [latencyBuckets]uint32
	oldest := now.UnixNano()/int64(statsSlice) - statsSlices
	for _, part := range s.slices {
		if part == nil || part.number <= oldest {
			continue
		}
		h.Successes += part.successes
		h.Failures += part.failures
		for i, n := range part.latencies {
			sum[i] += n
		}
	}
	h.P50, h.P95, h.P99 = quantile(&sum, 0.50), quantile(&sum, 0.95), quantile(&sum, 0.99)
	h.LastAttemptAt, h.LastSuccessAt, h.LastFailureAt = s.lastAttempt, s.lastSuccess, s.lastFailure
	h.LastReason, h.LastStatusCode = s.lastReason, s.lastStatus
}

// latencyBucket returns the bucket of a latency. The leading bit chooses the power of
// two, the next two bits the quarter of it.
func latencyBucket(d time.Duration) int {
	units := uint64(max(d, 0) / latencyUnit)
	if units < 4 {
		return int(units)
	}
	exponent := bits.Len64(units) - 3
	return min(4*exponent+int(units>>exponent), latencyBuckets-1)
}

// latencyBound returns the upper bound of a bucket, which the bucket does not contain.
func latencyBound(bucket int) time.Duration {
	if bucket < 4 {
		return time.Duration(bucket+1) * latencyUnit
	}
	exponent := bucket/4 - 1
	return time.Duration(uint64(bucket%4+5)<<exponent) * latencyUnit
}

// quantile estimates a quantile from above, to within a quarter of a power of two; 0
// where nothing was counted.
func quantile(counts *[latencyBuckets]uint32, q float64) time.Duration {
	var total uint64
	for _, n := range counts {
		total += uint64(n)
	}
	if total == 0 {
		return 0
	}
	rank := uint64(q * float64(total-1))
	var seen uint64
	for i, n := range counts {
		if seen += uint64(n); seen > rank {
			return latencyBound(i)
		}
	}
	return latencyBound(latencyBuckets - 1)
}
