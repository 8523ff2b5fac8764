package httpapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the API counts. Labels are routes and classes of status, never ids.
type metrics struct {
	requests *prometheus.CounterVec
	events   *prometheus.CounterVec
	accepted prometheus.Counter
	repeated prometheus.Counter
	refused  prometheus.Counter
	publish  prometheus.Histogram
	// connections that were closed for want of room: waiting ones for new ones, or new ones.
	unwanted   *prometheus.CounterVec
	displaced  prometheus.Counter
	turnedAway prometheus.Counter
}

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
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
	}
	m.unwanted = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "astrohook_http_connections_closed_total",
		Help: "Connections closed since all were taken: displaced (the one that waited longest, for a new one) or turned_away (a new one).",
	}, []string{"outcome"})
	m.displaced = m.unwanted.WithLabelValues("displaced")
	m.turnedAway = m.unwanted.WithLabelValues("turned_away")
	m.accepted = m.events.WithLabelValues("accepted")
	m.repeated = m.events.WithLabelValues("repeated")
	m.refused = m.events.WithLabelValues("refused")
	if err := errors.Join(r.Register(m.requests), r.Register(m.events), r.Register(m.publish), r.Register(m.unwanted)); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

// routeMetrics counts the answers of one route, by class of status.
type routeMetrics [6]prometheus.Counter

// statusClasses names the classes; the first is for what is no status.
var statusClasses = [6]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// route makes the counters of a route, so that counting looks up no label.
func (m *metrics) route(method, path string) *routeMetrics {
	var counters routeMetrics
	for i, class := range statusClasses {
		counters[i] = m.requests.WithLabelValues(method, path, class)
	}
	return &counters
}

func (r *routeMetrics) count(status int) {
	class := status / 100
	if class >= len(r) {
		class = 0
	}
	r[class].Inc()
}

// published notes how long a publishing request took.
func (m *metrics) published(since time.Time) { m.publish.Observe(time.Since(since).Seconds()) }
