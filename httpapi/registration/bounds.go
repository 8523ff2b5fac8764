package registration

import (
	"fmt"
	"strings"
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
)

// bounds are the least and the greatest value of a field, both allowed. The operator can
// narrow them. The error then names the operator's setting, so that a client knows whom to
// ask.
type bounds[T int64 | float64 | time.Duration] struct {
	field     string
	low, high T
	// settings are the operator's settings that low and high come from, for the error's text.
	settings []string
}

// most returns the bounds with the operator's ceiling as the upper bound, if it is lower;
// zero means no ceiling.
func (b bounds[T]) most(ceiling T, setting string) bounds[T] {
	if ceiling > 0 && ceiling < b.high {
		b.high, b.settings = ceiling, append(b.settings, setting)
	}
	return b
}

// least returns the bounds with the operator's floor as the lower bound, if it is higher;
// zero means no floor.
func (b bounds[T]) least(floor T, setting string) bounds[T] {
	if floor > b.low {
		b.low, b.settings = floor, append(b.settings, setting)
	}
	return b
}

// broken returns the error of a value outside of the bounds; rule names them.
func (b bounds[T]) broken(rule string) error {
	if len(b.settings) > 0 {
		rule += "; the operator sets this bound (" + strings.Join(b.settings, ", ") + ")"
	}
	return invalid(b.field, rule)
}

// tooMany returns the error of a list that is longer than the operator allows.
func tooMany(field, what string, most int, setting string) error {
	return invalid(field, fmt.Sprintf("has more than %d %s; the operator sets this bound (%s)", most, what, setting))
}

// whole sets target to a whole number of the input if that is within bounds, and to zero,
// which means the default, if it is null.
func whole(f *jsonbody.Faults, in optional[int64], b bounds[int64], target *int) {
	switch {
	case in.Null:
		*target = 0
	case in.Set && (in.Value < b.low || in.Value > b.high):
		f.Add(b.broken(fmt.Sprintf("must be a whole number from %d to %d", b.low, b.high)))
	case in.Set:
		*target = int(in.Value)
	}
}

// span is whole for a duration that the input has in milliseconds. A floor between two
// milliseconds is rounded up, so that what passes is never below it.
func span(f *jsonbody.Faults, in optional[int64], b bounds[time.Duration], target *time.Duration) {
	ms := int(target.Milliseconds())
	low := (b.low + time.Millisecond - 1).Milliseconds()
	whole(f, in, bounds[int64]{b.field, low, b.high.Milliseconds(), b.settings}, &ms)
	*target = time.Duration(ms) * time.Millisecond
}

// number is whole for a number with a fraction. Its condition is written so that NaN fails.
func number(f *jsonbody.Faults, in optional[float64], b bounds[float64], target *float64) {
	switch {
	case in.Null:
		*target = 0
	case in.Set && !(in.Value >= b.low && in.Value <= b.high):
		f.Add(b.broken(fmt.Sprintf("must be a number from %g to %g", b.low, b.high)))
	case in.Set:
		*target = in.Value
	}
}
