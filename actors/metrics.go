package actors

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/webhook"
)

// metrics are the dispatcher's figures for operators. Labels are closed sets, made in
// advance: none is labelled by endpoint or client, whose number is not bounded.
type metrics struct {
	attempts  map[webhook.Reason]prometheus.Counter
	durations prometheus.Histogram
	settles   map[webhook.Status]prometheus.Counter
	events    prometheus.Counter
	disabled  prometheus.Counter
	limited   prometheus.Counter
	actors    prometheus.Gauge
	openings  prometheus.Counter
	panics    prometheus.Counter
	// overlooked counts faults of the dispatcher itself; see watchdog.
	overlooked prometheus.Counter
}

// newMetrics registers the figures; it panics if they are registered there already,
// as two dispatchers need a registry each.
func newMetrics(r prometheus.Registerer, d *Dispatcher) *metrics {
	m := &metrics{
		attempts: make(map[webhook.Reason]prometheus.Counter),
		settles:  make(map[webhook.Status]prometheus.Counter),
		durations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "astrohook_attempt_duration_seconds", Help: "Time from the start of an attempt to its outcome.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 12),
		}),
		events:   counter("astrohook_events_accepted_total", "Events that were stored."),
		actors:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "astrohook_webhook_actors", Help: "Webhooks that are at work: each has an actor of its own."}),
		openings: counter("astrohook_breaker_openings_total", "How often a breaker opened."),
		panics:   counter("astrohook_panics_total", "Panics that were caught while a webhook was served, or in an attempt."),
		overlooked: counter("astrohook_overlooked_total",
			"How often the watchdog found due deliveries that were being overlooked: a fault of the server, to be reported."),
	}
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "astrohook_attempts_total", Help: "Attempts by reason of failure; the reason of a success is none.",
	}, []string{"reason"})
	withheld := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "astrohook_deliveries_withheld_total", Help: "Deliveries that were stored as failed because of the webhook or its client.",
	}, []string{"reason"})
	m.disabled = withheld.WithLabelValues(string(webhook.ReasonEndpointDisabled))
	m.limited = withheld.WithLabelValues(string(webhook.ReasonClientLimit))
	for _, reason := range append([]webhook.Reason{webhook.ReasonNone}, webhook.Reasons...) {
		m.attempts[reason] = attempts.WithLabelValues(cmp.Or(string(reason), "none"))
	}
	settles := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "astrohook_deliveries_settled_total", Help: "Recorded outcomes by the delivery's new status.",
	}, []string{"status"})
	for _, status := range webhook.Statuses {
		m.settles[status] = settles.WithLabelValues(string(status))
	}
	r.MustRegister(m.durations, m.events, m.actors, m.openings, m.panics, m.overlooked, attempts, settles, withheld,
		gauge("astrohook_deliveries_pending", "Deliveries that are queued or retrying.", func() float64 { return float64(d.shared.store.Pending()) }),
		gauge("astrohook_attempts_in_flight", "Attempts under way.", func() float64 { return float64(d.shared.permits.InUse()) }),
		gauge("astrohook_slots_waiting", "Webhooks that wait until they may have one more attempt in flight.", func() float64 { return float64(d.shared.permits.Waiters()) }),
		gauge("astrohook_slots_largest_client", "Attempts under way of the client that has most.", func() float64 { return float64(d.shared.permits.MostHeld()) }),
		gauge("astrohook_payload_memory_bytes", "Payloads held in memory for sending.", func() float64 { return float64(d.shared.budget.InUse()) }))
	return m
}

// counter makes a counter that the caller registers.
func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

// gauge makes a figure that is read when it is scraped, on the scraper's goroutine.
func gauge(name, help string, value func() float64) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

// attempt counts an attempt that ended, by its reason. A reason outside of the closed
// set has no counter: the nil dereference shows the bug at once.
func (m *metrics) attempt(a *webhook.Attempt, o webhook.Outcome) {
	m.durations.Observe(float64(a.Duration) / float64(time.Second))
	m.attempts[o.Reason].Inc()
}

// accepted counts events that were stored for the first time, and their deliveries
// that were withheld.
func (m *metrics) accepted(receipts []webhook.Receipt) {
	stored, disabled, limited := 0, 0, 0
	for i := range receipts {
		if receipts[i].Err == nil && !receipts[i].Duplicate {
			stored++
			disabled += receipts[i].Disabled
			limited += receipts[i].Limited
		}
	}
	m.events.Add(float64(stored))
	if disabled+limited > 0 {
		m.disabled.Add(float64(disabled))
		m.limited.Add(float64(limited))
	}
}

// recorded counts an outcome that storage has recorded.
func (m *metrics) recorded(s webhook.Status) { m.settles[s].Inc() }
