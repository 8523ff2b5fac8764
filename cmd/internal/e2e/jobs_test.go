package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"
)

// jobSeen is what the API shows of a job.
type jobSeen struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Done   int64  `json:"done"`
	Error  string `json:"error"`
}

// numberOf finds the number that an event of TestJobKilled has.
var numberOf = regexp.MustCompile(`"n":\d+`)

// TestJobKilled: a backfill whose server is killed in the middle continues after the next
// start. Every event arrives, and none is made twice: what arrives twice was in flight.
func TestJobKilled(t *testing.T) {
	t.Parallel()
	const events, concurrency = 200, 2
	s := startServer(t)
	var mu sync.Mutex
	arrived := map[string]int{}
	receiver := startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		mu.Lock()
		defer mu.Unlock()
		arrived[string(numberOf.Find(ctx.PostBody()))]++
	})
	for n := range events {
		if _, err := s.publish("user.created", fmt.Appendf(nil, `{"n":%d}`, n)); err != nil {
			t.Fatal(err)
		}
	}
	id := s.register(t, "acme", fields{"event_types": []string{"user.*"}, "target_url": receiver.url("/"), "concurrency": concurrency})
	var job jobSeen
	s.call(t, http.MethodPost, "/api/jobs", fields{"action": "backfill", "webhook_id": id, "rate_per_second": 100}, &job)
	var status *statusError
	again := s.try(http.MethodPost, "/api/jobs", fields{"action": "retry", "webhook_id": id}, nil)
	if !errors.As(again, &status) || status.status != http.StatusConflict {
		t.Errorf("a second job of the webhook: %v", again)
	}
	look := func() jobSeen {
		s.call(t, http.MethodGet, "/api/jobs/"+job.ID, nil, &job)
		return job
	}
	await(t, "the job to begin", func() error {
		if j := look(); j.Done < 20 {
			return fmt.Errorf("%+v", j)
		}
		return nil
	})
	s.restart(t)
	s.awaitReady(t)
	if j := look(); j.Status == "done" {
		t.Logf("the job was done before the kill: %+v", j)
	}
	await(t, "the job to be done", func() error {
		if j := look(); j.Status != "done" {
			return fmt.Errorf("%+v", j)
		}
		return nil
	})
	if job.Done != events {
		t.Errorf("the job has made %d deliveries of %d events", job.Done, events)
	}
	s.awaitDrained(t, patience, id)
	mu.Lock()
	defer mu.Unlock()
	twice := 0
	for _, times := range arrived {
		twice += times - 1
	}
	if len(arrived) != events || twice > 3*concurrency {
		t.Errorf("%d of %d events arrived, %d of them twice", len(arrived), events, twice)
	}
}
