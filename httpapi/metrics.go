package httpapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the API counts. Labels are routes and classes of status, never ids:
// the number of time series must not grow with the number of clients.
type metrics struct {
	requests *prometheus.CounterVec
	events   *prometheus.CounterVec
	// These three are events, looked up once.
	accepted prometheus.Counter
	repeated prometheus.Counter
	refused  prometheus.Counter
	publish  prometheus.Histogram
}

// newMetrics returns the metrics after registering them. It fails if the registry has
// some of that name, which means that a second server uses it.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "astrohook_http_requests_total",
			Help: "Requests answered, by method, route and class of status.",
		}, []string{"method", "route", "status"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "astrohook_events_published_total",
			Help: "Events published: accepted, repeated (idempotency key known) or refused.",
		}, []string{"outcome"}),
		publish: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "astrohook_publish_seconds",
			Help:    "Time from a publishing request's arrival to its durable answer.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14), // 0.5 ms to 4 s: one sync of a good disk to many of a bad one
		}),
	}
	m.accepted = m.events.WithLabelValues("accepted")
	m.repeated = m.events.WithLabelValues("repeated")
	m.refused = m.events.WithLabelValues("refused")
	if err := errors.Join(r.Register(m.requests), r.Register(m.events), r.Register(m.publish)); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

// routeMetrics counts the answers of one route, by class of status.
type routeMetrics [6]prometheus.Counter

// statusClasses names the classes; the first is for numbers that are no status.
var statusClasses = [6]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// route returns the counters of a route, so that a request needs no look-up of labels.
func (m *metrics) route(method, path string) *routeMetrics {
	var counters routeMetrics
	for i, class := range statusClasses {
		counters[i] = m.requests.WithLabelValues(method, path, class)
	}
	return &counters
}

// count counts one answer.
func (r *routeMetrics) count(status int) {
	class := status / 100
	if class >= len(r) {
		class = 0
	}
	r[class].Inc()
}

// published records how long a publishing request took.
func (m *metrics) published(since time.Time) { m.publish.Observe(time.Since(since).Seconds()) }
