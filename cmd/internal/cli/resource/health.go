package resource

import (
	"fmt"
	"strconv"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
)

// health is what a card shows of a webhook's health.
type health struct {
	Status     string `json:"status"`
	WaitingFor string `json:"waiting_for"`
	Until      string `json:"until"`
	Breaker    struct {
		State     string `json:"state"` // closed, open or half_open
		OpenUntil string `json:"open_until"`
	} `json:"circuit_breaker"`
	HoldUntil   string  `json:"hold_until"`
	InFlight    int     `json:"in_flight"`
	Allowed     int     `json:"in_flight_allowed"`
	Queued      int     `json:"queued"`
	Retrying    int     `json:"retrying"`
	OldestMS    float64 `json:"oldest_pending_age_ms"`
	NextRetryAt string  `json:"next_retry_at"`
	LastHour    struct {
		Successes int     `json:"successes"`
		Failures  int     `json:"failures"`
		P50       float64 `json:"latency_p50_ms"`
		P95       float64 `json:"latency_p95_ms"`
		P99       float64 `json:"latency_p99_ms"`
	} `json:"last_hour"`
	LastSuccessAt string `json:"last_success_at"`
	LastFailureAt string `json:"last_failure_at"`
	LastError     struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
		Code    int    `json:"response_code"`
	} `json:"last_error"`
	Restarts int `json:"restarts"`
}

// fields returns the lines of the card.
func (h health) fields() []output.Field {
	return []output.Field{
		{Title: "status", Text: h.Status, Tone: output.StatusTone(h.Status)},
		{Title: "waits for", Text: untilWords(h.WaitingFor, h.Until), Tone: output.Warn},
		{Title: "circuit breaker", Text: untilWords(h.Breaker.State, h.Breaker.OpenUntil), Tone: output.StatusTone(h.Breaker.State)},
		{Title: "held until", Text: output.When(h.HoldUntil), Tone: output.Warn},
		{Title: "in flight", Text: fmt.Sprintf("%d of %d", h.InFlight, h.Allowed)},
		{Title: "pending", Text: h.pending()},
		{Title: "next retry", Text: output.When(h.NextRetryAt)},
		{Title: "last hour", Text: h.lastHour()},
		{Title: "last success", Text: output.When(h.LastSuccessAt)},
		{Title: "last failure", Text: output.When(h.LastFailureAt)},
		{Title: "last error", Text: why(h.LastError.Reason, h.LastError.Code, h.LastError.Message), Tone: output.Bad},
		{Title: "restarts", Text: output.Number(h.Restarts)},
	}
}

// pending returns how many deliveries wait, and how long the oldest has waited.
func (h health) pending() string {
	if h.Queued+h.Retrying == 0 {
		return "none"
	}
	return fmt.Sprintf("%d queued, %d retrying; the oldest for %s", h.Queued, h.Retrying, output.Milliseconds(h.OldestMS))
}

// lastHour returns attempts and latencies.
func (h health) lastHour() string {
	total := h.LastHour.Successes + h.LastHour.Failures
	if total == 0 {
		return "no attempts"
	}
	line := fmt.Sprintf("%d attempts, %s %% succeeded", total, strconv.FormatFloat(100*float64(h.LastHour.Successes)/float64(total), 'f', 1, 64))
	if h.LastHour.P99 > 0 {
		line += fmt.Sprintf("; answers after %s in the median, %s at p95, %s at p99",
			output.Milliseconds(h.LastHour.P50), output.Milliseconds(h.LastHour.P95), output.Milliseconds(h.LastHour.P99))
	}
	return line
}

// untilWords returns what holds and until when: "breaker, until …".
func untilWords(what, until string) string {
	if what == "" || until == "" {
		return what
	}
	return what + ", until " + output.When(until)
}

// why returns a failure in one line: reason, code and words, as far as they are known.
func why(reason string, code int, words string) string {
	line := reason
	if code != 0 {
		line += " " + strconv.Itoa(code)
	}
	if words != "" {
		if line != "" {
			line += ": "
		}
		line += words
	}
	return line
}

// showHealth prints the card.
func showHealth(p *output.Printer, h health) error { return p.Card(h.fields()) }
