package actors

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/corpastro/astrohook/webhook"
)

// figures returns all figures of a dispatcher, with a labelled one as name{value}.
func scraped(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]float64)
	for _, family := range families {
		if family.GetHelp() == "" || !strings.HasPrefix(family.GetName(), "astrohook_") {
			t.Errorf("%s has no help, or another prefix", family.GetName())
		}
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += "{" + label.GetValue() + "}"
			}
			found[name] = figureOf(m)
		}
	}
	return found
}

// figureOf returns a counter's or gauge's value, or how often a histogram was observed.
func figureOf(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	default:
		return float64(m.Histogram.GetSampleCount())
	}
}

// TestMetrics: each figure counts what its help says, on a dispatcher with deliveries of
// every kind; and each reason and status has a figure from the start.
func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	inRig(t, func(o *Options) {
		o.ClientLimits = func(client string) webhook.ClientLimits {
			if client == "full" {
				return webhook.ClientLimits{Pending: 1}
			}
			return webhook.ClientLimits{}
		}
	}, func(r *rig) {
		r.stop()
		o := r.freshOptions()
		o.Metrics = registry
		d, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		r.d = d
		before := scraped(t, registry)
		for _, reason := range webhook.Reasons {
			if _, there := before["astrohook_attempts_total{"+string(reason)+"}"]; !there {
				t.Error("no figure for attempts that fail with", reason)
			}
		}
		for _, status := range webhook.Statuses {
			if _, there := before["astrohook_deliveries_settled_total{"+string(status)+"}"]; !there {
				t.Error("no figure for deliveries that become", status)
			}
		}
		r.registerFor("off", webhook.EndpointDisabled, "*")
		r.registerFor("full", webhook.EndpointPaused, "*")
		good, bad := r.registerFor("acme", webhook.EndpointActive, "*"), r.register(regular(time.Hour, 2))
		r.receiver.does(good, answers(200, time.Second))
		r.receiver.does(bad, answers(500, 0))
		r.publish(2, 100)
		synctest.Wait()
		r.wantFigures(registry, map[string]float64{
			"astrohook_events_accepted_total": 2, "astrohook_deliveries_withheld_total{webhook_disabled}": 2,
			"astrohook_deliveries_withheld_total{client_limit}": 1, "astrohook_deliveries_pending": 5, "astrohook_deliveries_pending_limit": 50_000_000,
			"astrohook_attempts_in_flight": 2, "astrohook_payload_memory_bytes": 200, "astrohook_webhook_actors": 2,
			"astrohook_slots_largest_client": 2, "astrohook_slots_waiting": 0, "astrohook_attempts_total{http_5xx}": 2,
			"astrohook_deliveries_settled_total{retrying}": 2, "astrohook_attempts_total{none}": 0,
		})
		time.Sleep(2 * time.Second)
		r.wantFigures(registry, map[string]float64{
			"astrohook_attempts_total{none}": 2, "astrohook_deliveries_settled_total{delivered}": 2, "astrohook_attempt_duration_seconds": 4,
			"astrohook_delivery_seconds{first}": 2, "astrohook_delivery_seconds{later}": 0,
			"astrohook_attempts_in_flight": 0, "astrohook_payload_memory_bytes": 0, "astrohook_deliveries_pending": 3,
			"astrohook_panics_total": 0, "astrohook_overlooked_total": 0, "astrohook_breaker_openings_total": 0,
		})
	})
}

func (r *rig) wantFigures(registry *prometheus.Registry, want map[string]float64) {
	r.t.Helper()
	found := scraped(r.t, registry)
	for name, value := range want {
		if got, there := found[name]; !there || got != value {
			r.t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
}

// TestDeliverySeconds: the time from acceptance to delivery, by the first attempt or a later
// one. What a person sends again says nothing about that.
func TestDeliverySeconds(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(regular(10*time.Second, 5))
		r.receiver.does(n, answers(200, 3*time.Second))
		first := r.publishOne(n)
		time.Sleep(5 * time.Second)
		r.receiver.does(n, answers(500, 0))
		r.publishOne(n)
		time.Sleep(time.Second)
		r.receiver.does(n, answers(200, time.Second))
		time.Sleep(time.Hour)
		r.retry(first, nil)
		time.Sleep(time.Minute)
		r.wantStatus(first, webhook.Delivered, "", 2)
		m := r.d.shared.metrics
		for attempt, c := range map[string]struct {
			took prometheus.Observer
			sum  float64
		}{"first": {m.first, 3}, "later": {m.later, 11}} {
			var out dto.Metric
			if err := c.took.(prometheus.Histogram).Write(&out); err != nil {
				t.Fatal(err)
			}
			if h := out.GetHistogram(); h.GetSampleCount() != 1 || math.Abs(h.GetSampleSum()-c.sum) > 0.01 {
				t.Errorf("%s attempt: %d observed, %v s in all, want %v s", attempt, h.GetSampleCount(), h.GetSampleSum(), c.sum)
			}
		}
	})
}

// TestStandingOut: a webhook whose receiver is down has series of its own after the watchdog's
// next look, also after a restart, and none once it is repaired.
func TestStandingOut(t *testing.T) {
	inRig(t, func(o *Options) { o.MetricsWebhooks = 1 }, func(r *rig) {
		settings := regular(time.Minute, 50)
		settings.Breaker = webhook.BreakerPolicy{Failures: 3, Open: time.Hour, MaxOpen: time.Hour}
		dead, paused := r.register(settings), r.registerFor("globex", webhook.EndpointPaused, "*")
		r.receiver.does(dead, answers(500, 0))
		r.publish(7, 10)
		of := func(name string, n webhook.EndpointNumber) string {
			e := r.endpoint(n)
			return "astrohook_webhook_" + name + "{" + e.ClientID + "}{" + webhook.EndpointID.Format(e.ID) + "}"
		}
		registry := func() *prometheus.Registry { return r.d.shared.options.Metrics.(*prometheus.Registry) }
		time.Sleep(20 * time.Second)
		r.wantFigures(registry(), map[string]float64{
			"astrohook_webhooks{active}": 1, "astrohook_webhooks{paused}": 1, "astrohook_webhooks{disabled}": 0,
			"astrohook_breakers_open": 1, of("breaker_open", dead): 1, of("failure_ratio", dead): 1, of("deliveries_pending", dead): 7,
			"astrohook_deliveries_recovered_total": 0, "astrohook_oldest_pending_age_seconds{disabled}": 0,
		})
		r.stop()
		r.start()
		time.Sleep(100 * time.Second)
		found := scraped(t, registry())
		if _, there := found[of("failure_ratio", paused)]; there {
			t.Error("more webhooks are named than one")
		}
		for _, status := range []string{"active", "paused"} {
			if age := found["astrohook_oldest_pending_age_seconds{"+status+"}"]; age < 119 || age > 122 {
				t.Errorf("the oldest delivery of a webhook that is %s is %v s old, want 120 s", status, age)
			}
		}
		if age := found["astrohook_watchdog_age_seconds"]; age > 5 {
			t.Errorf("the watchdog last looked %v s ago", age)
		}
		r.wantFigures(registry(), map[string]float64{
			"astrohook_deliveries_recovered_total": 14, "astrohook_breakers_open": 1,
			of("breaker_open", dead): 1, of("deliveries_pending", dead): 7, of("oldest_pending_age_seconds", dead): found["astrohook_oldest_pending_age_seconds{active}"],
		})
		r.receiver.does(dead, answers(200, 0))
		time.Sleep(2 * time.Hour)
		r.setStatus(paused, webhook.EndpointActive)
		time.Sleep(time.Minute)
		r.wantFigures(registry(), map[string]float64{
			"astrohook_webhooks{active}": 2, "astrohook_webhooks{paused}": 0, "astrohook_breakers_open": 0,
			"astrohook_oldest_pending_age_seconds{active}": 0, "astrohook_oldest_pending_age_seconds{paused}": 0,
		})
		for name := range scraped(t, registry()) {
			if strings.HasPrefix(name, "astrohook_webhook_") && name != "astrohook_webhook_actors" {
				t.Error("a webhook that is well has", name)
			}
		}
	})
}
