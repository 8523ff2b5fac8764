package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// clusterJobs are backfills of several webhooks, which are in parts of all nodes.
type clusterJobs struct {
	webhooks []string
	ids      []string

	mu      sync.Mutex
	arrived map[string]int // by path and event
}

const (
	// owed is how many events each of the jobs sends, and jobRate how many a second.
	owed, jobRate     = 60, 8
	jobConcurrency    = 2
	jobsOfEachCluster = 6
)

// beginJobs publishes events, registers webhooks, and has the events sent to each of them by a
// job. It returns when all jobs have begun, and none is near its end.
func beginJobs(t *testing.T, nodes []*server) *clusterJobs {
	t.Helper()
	c := &clusterJobs{arrived: map[string]int{}}
	receiver := startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.arrived[string(ctx.Path())+" "+string(numberOf.Find(ctx.PostBody()))]++
	})
	since := time.Now().UTC().Format(time.RFC3339Nano)
	for n := range owed {
		if _, err := nodes[n%len(nodes)].publish("user.created", fmt.Appendf(nil, `{"n":%d}`, n)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range jobsOfEachCluster { // consecutive numbers are in consecutive parts
		id := nodes[0].register(t, "acme", fields{
			"event_type": "user.*", "target_url": receiver.url(fmt.Sprint("/", i)), "concurrency": jobConcurrency,
		})
		var job jobSeen
		nodes[i%len(nodes)].call(t, http.MethodPost, "/api/jobs", fields{
			"action": "backfill", "webhook_id": id, "rate_per_second": jobRate, "filter": fields{"since": since},
		}, &job)
		c.webhooks, c.ids = append(c.webhooks, id), append(c.ids, job.ID)
	}
	for _, id := range c.ids {
		await(t, "a job to begin", func() error {
			if j, err := jobOf(nodes[0], id); err != nil || j.Done == 0 {
				return fmt.Errorf("%+v, %w", j, err)
			}
			return nil
		})
	}
	for i, id := range c.webhooks { // a second job of a webhook is refused on every node
		var status *statusError
		err := nodes[(i+1)%len(nodes)].try(http.MethodPost, "/api/jobs", fields{"action": "retry", "webhook_id": id}, nil)
		if !errors.As(err, &status) || status.status != http.StatusConflict {
			t.Errorf("a second job of a webhook: %v", err)
		}
	}
	for _, id := range c.ids {
		if j, err := jobOf(nodes[0], id); err != nil || j.Status != "running" {
			t.Logf("before the kill: %+v, %v", j, err)
		}
	}
	return c
}

// jobOf returns a job as a node shows it.
func jobOf(s *server, id string) (j jobSeen, err error) {
	err = s.try(http.MethodGet, "/api/jobs/"+id, nil, &j)
	return j, err
}

// finish waits until the jobs are done, whose node was killed among them: each has made every
// delivery once, and what arrived twice was in flight.
func (c *clusterJobs) finish(t *testing.T, nodes []*server) {
	t.Helper()
	for i, id := range c.ids {
		var job jobSeen
		await(t, "a job to be done", func() (err error) {
			if job, err = jobOf(nodes[i%len(nodes)], id); err == nil && job.Status != "done" {
				err = fmt.Errorf("%+v", job)
			}
			return err
		})
		if job.Done != owed || job.Error != "" {
			t.Errorf("%+v, of %d events", job, owed)
		}
	}
	for _, id := range c.webhooks {
		nodes[0].awaitDrained(t, patience, id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	twice := 0
	for _, times := range c.arrived {
		twice += times - 1
	}
	if len(c.arrived) != owed*len(c.ids) || twice > 3*jobConcurrency*len(c.ids) {
		t.Errorf("%d of %d events arrived, %d of them twice", len(c.arrived), owed*len(c.ids), twice)
	}
}
