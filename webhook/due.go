package webhook

import (
	"math"
	"time"
)

// DueTime is when a delivery's next attempt is due, in whole Unix milliseconds; 0 means
// never. It orders the retry schedule in memory and in storage alike: a finer unit on one
// side would order two deliveries differently there.
type DueTime int64

// MaxDueTime is the latest due time, some 35,000 years away. Sums with it do not overflow.
const MaxDueTime DueTime = 1 << 50

// DueAt returns the due time of t, rounded up so that nothing falls due early. It
// is 0 for the zero time and for times before 1970.
func DueAt(t time.Time) DueTime {
	if t.IsZero() || t.Unix() < 0 {
		return 0
	}
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return min(DueTime(ms), MaxDueTime)
}

// Time returns the due time as a time in UTC, the zero time for 0.
func (d DueTime) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(d)).UTC()
}

// IsZero reports whether nothing is due.
func (d DueTime) IsZero() bool { return d == 0 }

// After reports whether the due time has not come yet at t.
func (d DueTime) After(t time.Time) bool { return d.Time().After(t) }

// Slot is a position in an endpoint's retry schedule, ordered by due time, then ID.
type Slot struct {
	At DueTime
	ID ID
}

// Compare orders two slots of one endpoint.
func (s Slot) Compare(other Slot) int {
	if s.At != other.At {
		if s.At < other.At {
			return -1
		}
		return 1
	}
	return s.ID.Compare(other.ID)
}

// Before reports whether s comes before other in the schedule.
func (s Slot) Before(other Slot) bool { return s.Compare(other) < 0 }

// Next returns the position after s.
func (s Slot) Next() Slot { return Slot{At: s.At, ID: s.ID.Successor()} }

// Successor returns the smallest ID of the same endpoint that is larger than id.
func (id ID) Successor() ID {
	if id.Nonce == math.MaxUint32 {
		id.Seq++
	}
	id.Nonce++
	return id
}
