package httpapi

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// TestBatchAnswers: the status sums up the results. Writing the answer twice writes the same
// bytes: the answer is decided before it is written.
func TestBatchAnswers(t *testing.T) {
	f := newFixture(t)
	later := &webhook.RetryAfterError{Err: webhook.ErrTooManyPending, After: 7 * time.Second}
	soon := &webhook.RetryAfterError{Err: webhook.ErrTooManyPending, After: time.Second}
	bad := problem.OfField("data", "is missing")
	for _, c := range []struct {
		why      string
		read     []error // what is wrong with each event by itself
		refused  []error // what the dispatcher says of the good ones
		status   int
		accepted int
		retry    time.Duration
	}{
		{"all accepted", []error{nil, nil}, []error{nil, nil}, 202, 2, 0},
		{"one is bad", []error{nil, bad}, []error{nil}, 207, 1, 0},
		{"all are bad", []error{bad, bad}, nil, 422, 0, 0},
		{"one is refused", []error{nil, nil}, []error{nil, webhook.ErrKeyReused}, 207, 1, 0},
		{"one may come later", []error{nil, nil}, []error{nil, later}, 207, 1, 7 * time.Second},
		{"all may come later", []error{nil, nil}, []error{soon, later}, 429, 0, 7 * time.Second},
		{"some may come later, others never", []error{bad, nil}, []error{later}, 422, 0, 7 * time.Second},
		{"too many webhooks", []error{nil}, []error{webhook.ErrFanOut}, 422, 0, 0},
	} {
		b := &batch{}
		for _, err := range c.read {
			if err != nil {
				b.items = append(b.items, batchItem{problem: problemOf(err)})
				b.failed++
				continue
			}
			b.items = append(b.items, batchItem{place: len(b.events)})
			b.events = append(b.events, webhook.Event{Type: "user.created"})
		}
		for _, err := range c.refused {
			b.receipts = append(b.receipts, webhook.Receipt{Deliveries: 1, Err: err})
		}
		f.judge(b)
		if b.status() != c.status || b.retryAfter != c.retry {
			t.Errorf("%s: status %d after %v, want %d after %v", c.why, b.status(), b.retryAfter, c.status, c.retry)
		}
		first, second := string(b.appendAnswer(nil)), string(b.appendAnswer(nil))
		var answer struct {
			Results []struct {
				Status  int
				Problem *struct{ Field string }
			}
			Accepted, Failed int
		}
		if err := json.Unmarshal([]byte(first), &answer); err != nil || first != second {
			t.Fatalf("%s: %v\n%s\n%s", c.why, err, first, second)
		}
		if answer.Accepted != c.accepted || answer.Accepted+answer.Failed != len(c.read) || len(answer.Results) != len(c.read) {
			t.Errorf("%s: %s", c.why, first)
		}
		for i, r := range answer.Results {
			if (r.Status == 202) != (r.Problem == nil) {
				t.Errorf("%s: result %d: %s", c.why, i, first)
			}
			if c.read[i] != nil && r.Problem.Field != fmt.Sprintf("events[%d].data", i) {
				t.Errorf("%s: result %d names %s", c.why, i, r.Problem.Field)
			}
		}
	}
}
