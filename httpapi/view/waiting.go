package view

import (
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// Waiting is what something waits for, and until when. Both are absent if it waits for
// nothing, Until also if the time is not known.
type Waiting struct {
	WaitingFor string `json:"waiting_for,omitzero"`
	Until      string `json:"until,omitzero"`
}

// NewWaiting returns what something waits for.
func NewWaiting(w webhook.Waiting) Waiting {
	return Waiting{WaitingFor: string(w.For), Until: jsonbody.Time(w.Until)}
}

// milliseconds returns a duration in milliseconds, to the microsecond.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
