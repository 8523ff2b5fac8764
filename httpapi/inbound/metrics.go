package inbound

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts the connections that were closed because all were taken. The servers
// of one process share it.
type Metrics struct {
	// displaced counts waiting connections that were closed for new ones, turnedAway
	// new ones that found all others busy.
	displaced, turnedAway prometheus.Counter
}

// NewMetrics returns Metrics and registers them.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	closed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "astrohook_http_connections_closed_total",
		Help: "Connections closed since all were taken: displaced (the one that waited longest, for a new one) or turned_away (a new one).",
	}, []string{"outcome"})
	if err := r.Register(closed); err != nil {
		return nil, fmt.Errorf("register metrics of connections: %w", err)
	}
	return &Metrics{displaced: closed.WithLabelValues("displaced"), turnedAway: closed.WithLabelValues("turned_away")}, nil
}
