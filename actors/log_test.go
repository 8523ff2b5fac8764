package actors

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// logLines keeps all log lines, as a writer.
type logLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// all returns everything that was logged.
func (l *logLines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// about returns the lines with a message. It checks that every line names the webhook.
func (l *logLines) about(t *testing.T, e *webhook.Endpoint, message string) (found []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for text := range bytes.Lines(l.text.Bytes()) {
		var line map[string]any
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatal(err, string(text))
		}
		if line["msg"] == message {
			found = append(found, line)
		}
		if line["webhook_id"] != webhook.EndpointID.Format(e.ID) || line["client_id"] != "acme" || line["target_host"] != "hooks.example" {
			t.Errorf("the line does not name its webhook: %s", text)
		}
	}
	return found
}

// inLoggedRig runs a test with an endpoint whose log lines are kept.
func inLoggedRig(t *testing.T, s webhook.Settings, test func(r *rig, e *webhook.Endpoint, log *logLines)) {
	t.Helper()
	log := &logLines{}
	inRig(t, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(log, nil)) }, func(r *rig) {
		n := r.register(s)
		e := r.change(n, func(e *webhook.Endpoint) { e.TargetURL = "https://hooks.example/a?token=b" })
		test(r, &e, log)
	})
}

// TestBreakerIsLogged: a line says when the breaker opens, another one when it closes.
func TestBreakerIsLogged(t *testing.T) {
	s := regular(time.Hour, 9)
	s.Breaker = webhook.BreakerPolicy{Failures: 2, Open: time.Minute}
	inLoggedRig(t, s, func(r *rig, e *webhook.Endpoint, log *logLines) {
		r.receiver.does(e.Number(), answers(500, 0))
		r.publish(3, 2)
		time.Sleep(time.Second)
		r.receiver.does(e.Number(), answers(200, 0))
		id := r.publishOne(e.Number())
		time.Sleep(2 * time.Minute)
		opened, closed := log.about(t, e, "breaker opened"), log.about(t, e, "breaker closed")
		if len(opened) != 1 || opened[0]["reason"] != "http_5xx" || opened[0]["delivery_id"] == nil {
			t.Error(opened)
		}
		if len(closed) != 1 || closed[0]["status_code"] != 200.0 || closed[0]["delivery_id"] != webhook.DeliveryID.Format(id) {
			t.Error(closed)
		}
	})
}

// TestFailuresAreLogged: deliveries that failed for good make one line per minute and
// webhook, which counts them and names the last one. A stop writes the line that is due.
func TestFailuresAreLogged(t *testing.T) {
	s := regular(time.Second, 1)
	s.Breaker.Failures, s.Concurrency = 1000, 1
	inLoggedRig(t, s, func(r *rig, e *webhook.Endpoint, log *logLines) {
		counts := func() (counts []float64) {
			synctest.Wait()
			for _, line := range log.about(t, e, "delivery failed for good") {
				counts = append(counts, line["count"].(float64))
			}
			return counts
		}
		r.receiver.does(e.Number(), answers(422, time.Millisecond))
		r.publishOne(e.Number())
		time.Sleep(time.Second)
		if got := counts(); !slices.Equal(got, []float64{1}) {
			t.Error("the first:", got)
		}
		for range 30 {
			r.publish(10, 2)
			time.Sleep(time.Second)
		}
		last := r.publishOne(e.Number())
		time.Sleep(20 * time.Second)
		if got := counts(); !slices.Equal(got, []float64{1}) {
			t.Error("within a minute:", got)
		}
		time.Sleep(time.Minute)
		if got := counts(); !slices.Equal(got, []float64{1, 301}) {
			t.Error("after it:", got)
		}
		line := log.about(t, e, "delivery failed for good")[1]
		if line["reason"] != "http_4xx" || line["delivery_id"] != webhook.DeliveryID.Format(last) {
			t.Error(line)
		}
		if running := r.actorsRunning(); running != 0 {
			t.Error("the idle actor does not stop")
		}
		r.publishOne(e.Number())
		r.publishOne(e.Number())
		synctest.Wait()
		time.Sleep(time.Second)
		r.stop()
		if got := counts(); !slices.Equal(got, []float64{1, 301, 2}) {
			t.Error("after the stop:", got)
		}
	})
}

// TestDisablingIsLogged: the line has the cause and the time that the webhook shows.
func TestDisablingIsLogged(t *testing.T) {
	inLoggedRig(t, webhook.Settings{}, func(r *rig, e *webhook.Endpoint, log *logLines) {
		r.receiver.does(e.Number(), answers(410, 0))
		r.publish(3, 2)
		time.Sleep(time.Minute)
		lines := log.about(t, e, "webhook disabled")
		stored, err := r.store.Endpoint(r.t.Context(), e.Number())
		if err != nil || len(lines) != 1 {
			t.Fatal(lines, err)
		}
		if stored.DisabledAt.IsZero() || stored.DisabledReason == "" || lines[0]["cause"] != stored.DisabledReason {
			t.Errorf("%v, stored %+v", lines[0], stored)
		}
		if at, err := time.Parse(time.RFC3339Nano, lines[0]["disabled_at"].(string)); err != nil || !at.Equal(stored.DisabledAt) {
			t.Error(lines[0], err)
		}
	})
}

// TestPanicIsLogged: both lines about a panic name the webhook, and the supervisor's
// names the delivery.
func TestPanicIsLogged(t *testing.T) {
	inLoggedRig(t, webhook.Settings{}, func(r *rig, e *webhook.Endpoint, log *logLines) {
		r.receiver.does(e.Number(), func(call) webhook.Attempt { return webhook.Attempt{Failure: unknown} })
		id := r.publishOne(e.Number())
		time.Sleep(time.Minute)
		if lines := log.about(t, e, "actor panicked"); len(lines) != lane.MaxPanics {
			t.Error(lines)
		}
		for _, line := range log.about(t, e, "actor of a webhook is started again") {
			if line["delivery_id"] != webhook.DeliveryID.Format(id) {
				t.Error(line)
			}
		}
	})
}
