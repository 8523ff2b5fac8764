package actors

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/corpastro/astrohook/webhook"
)

// figures returns all figures of a dispatcher, with a labelled one as name{value}.
func figures(t *testing.T, r *prometheus.Registry) map[string]float64 {
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
			found[name] = valueOf(m)
		}
	}
	return found
}

// valueOf returns a counter's or gauge's value, or how often a histogram was observed.
func valueOf(m *dto.Metric) float64 {
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
		before := figures(t, registry)
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
			"astrohook_deliveries_withheld_total{client_limit}": 1, "astrohook_deliveries_pending": 5,
			"astrohook_attempts_in_flight": 2, "astrohook_payload_memory_bytes": 200, "astrohook_webhook_actors": 2,
			"astrohook_slots_largest_client": 2, "astrohook_slots_waiting": 0, "astrohook_attempts_total{http_5xx}": 2,
			"astrohook_deliveries_settled_total{retrying}": 2, "astrohook_attempts_total{none}": 0,
		})
		time.Sleep(2 * time.Second)
		r.wantFigures(registry, map[string]float64{
			"astrohook_attempts_total{none}": 2, "astrohook_deliveries_settled_total{delivered}": 2, "astrohook_attempt_duration_seconds": 4,
			"astrohook_attempts_in_flight": 0, "astrohook_payload_memory_bytes": 0, "astrohook_deliveries_pending": 3,
			"astrohook_panics_total": 0, "astrohook_overlooked_total": 0, "astrohook_breaker_openings_total": 0,
		})
	})
}

func (r *rig) wantFigures(registry *prometheus.Registry, want map[string]float64) {
	r.t.Helper()
	found := figures(r.t, registry)
	for name, value := range want {
		if got, there := found[name]; !there || got != value {
			r.t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
}
