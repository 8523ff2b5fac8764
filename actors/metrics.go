package actors

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/corpastro/astrohook/actors/survey"
	"github.com/corpastro/astrohook/webhook"
)

// metrics are the dispatcher's figures for operators. Labels are closed sets, made in
// advance: none is labelled by endpoint or client, whose number is not bounded; only the
// survey names some. What counts costs one atomic addition, a gauge is read from memory
// when it is scraped, and nothing here allocates or reads storage.
type metrics struct {
	attempts  map[webhook.Reason]prometheus.Counter
	durations prometheus.Histogram
	settles   map[webhook.Status]prometheus.Counter
	// first and later take the time from an event's acceptance to its delivery, by the first
	// attempt or a later one.
	first, later prometheus.Observer
	recovered    prometheus.Counter
	events       prometheus.Counter
	disabled     prometheus.Counter
	limited      prometheus.Counter
	actors       prometheus.Gauge
	openings     prometheus.Counter
	panics       prometheus.Counter
	// overlooked counts faults of the dispatcher itself; see watchdog.
	overlooked prometheus.Counter
	// unhinted counts queues that only the watchdog knew of, in a cluster.
	unhinted prometheus.Counter
}

// newMetrics registers the figures; it panics if they are registered there already,
// as two dispatchers need a registry each.
func newMetrics(r prometheus.Registerer, s *shared) *metrics {
	m := &metrics{
		durations: histogram("astrohook_attempt_duration_seconds", "Time from the start of an attempt to its outcome.",
			prometheus.ExponentialBuckets(0.0005, 2.5, 12)),
		events:   counter("astrohook_events_accepted_total", "Events that were stored."),
		actors:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "astrohook_webhook_actors", Help: "Webhooks that are at work: each has an actor of its own."}),
		openings: counter("astrohook_breaker_openings_total", "How often a breaker opened."),
		panics:   counter("astrohook_panics_total", "Panics that were caught while a webhook was served, or in an attempt."),
		overlooked: counter("astrohook_overlooked_total",
			"How often the watchdog found due deliveries that were being overlooked: a fault of the server, to be reported."),
		unhinted: counter("astrohook_unhinted_total",
			"How often the watchdog found a queue with deliveries that other nodes had accepted, and of which no hint had come."),
		recovered: counter("astrohook_deliveries_recovered_total", "Deliveries that were pending in storage when the process took their webhooks over: at its start, or from another node."),
	}
	if o := &s.options; o.Cluster != nil {
		r.MustRegister(m.unhinted)
	}
	r.MustRegister(s.survey, m.durations, m.events, m.actors, m.openings, m.panics, m.overlooked, m.recovered)
	m.registerByReason(r)
	m.registerByStatus(r)
	r.MustRegister(
		gauge("astrohook_deliveries_pending", "Deliveries that are queued or retrying.", func() float64 { return float64(s.store.Pending()) }),
		gauge("astrohook_deliveries_pending_limit", "Pending deliveries from which on publishing is refused: max-pending.", func() float64 { return float64(s.maxPending.Load()) }),
		gauge("astrohook_attempts_in_flight", "Attempts under way.", func() float64 { return float64(s.permits.InUse()) }),
		gauge("astrohook_slots_waiting", "Webhooks that wait until they may have one more attempt in flight.", func() float64 { return float64(s.permits.Waiters()) }),
		gauge("astrohook_slots_largest_client", "Attempts under way of the client that has most.", func() float64 { return float64(s.permits.MostHeld()) }),
		gauge("astrohook_payload_memory_bytes", "Payloads held in memory for sending.", func() float64 { return float64(s.budget.InUse()) }))
	return m
}

// registerByReason registers what is counted by reason.
func (m *metrics) registerByReason(r prometheus.Registerer) {
	attempts := counters("astrohook_attempts_total", "Attempts by reason of failure; the reason of a success is none.", "reason")
	withheld := counters("astrohook_deliveries_withheld_total", "Deliveries that were stored as failed because of the webhook or its client.", "reason")
	m.disabled = withheld.WithLabelValues(string(webhook.ReasonEndpointDisabled))
	m.limited = withheld.WithLabelValues(string(webhook.ReasonClientLimit))
	m.attempts = make(map[webhook.Reason]prometheus.Counter)
	for _, reason := range append([]webhook.Reason{webhook.ReasonNone}, webhook.Reasons...) {
		m.attempts[reason] = attempts.WithLabelValues(cmp.Or(string(reason), "none")) // an empty label is the same as none at all
	}
	r.MustRegister(attempts, withheld)
}

// registerByStatus registers what is counted by the status that a delivery came to.
func (m *metrics) registerByStatus(r prometheus.Registerer) {
	settles := counters("astrohook_deliveries_settled_total", "Recorded outcomes by the delivery's new status.", "status")
	m.settles = make(map[webhook.Status]prometheus.Counter)
	for _, status := range webhook.Statuses {
		m.settles[status] = settles.WithLabelValues(string(status))
	}
	delivered := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "astrohook_delivery_seconds",
		Help: "Time from the acceptance of an event to the end of the attempt that delivered it, the first one or a later one. " +
			"Deliveries that were attempted and then sent again by hand are left out.",
		Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400},
	}, []string{"attempt"})
	m.first, m.later = delivered.WithLabelValues("first"), delivered.WithLabelValues("later")
	r.MustRegister(settles, delivered)
}

// histogram, counter and counters make figures that the caller registers.

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
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

// recorded counts an outcome that storage has recorded. It is called on storage's goroutine.
func (m *metrics) recorded(d *webhook.Delivery) {
	m.settles[d.Status].Inc()
	if d.Status != webhook.Delivered || d.Spent > 0 { // a person decided when that was sent
		return
	}
	took := m.later
	if d.Attempts == 1 {
		took = m.first
	}
	took.Observe(max(d.FinishedAt.Sub(d.QueuedAt()).Seconds(), 0)) // the clock may have been set back
}

// counts returns what has been counted since the start.
func (m *metrics) counts() survey.Counts {
	return survey.Counts{
		Accepted: valueOf(m.events), Delivered: valueOf(m.settles[webhook.Delivered]), Failed: valueOf(m.settles[webhook.Failed]),
	}
}

// valueOf reads a counter. It allocates, and serves figures that are read now and then.
func valueOf(c prometheus.Counter) int64 {
	var out dto.Metric
	if err := c.Write(&out); err != nil { // a counter's own Write has no way to fail
		return 0
	}
	return int64(out.GetCounter().GetValue())
}
