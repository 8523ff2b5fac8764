package survey

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/webhook"
)

// statuses are those that figures are shown by.
var statuses = []webhook.EndpointStatus{webhook.EndpointActive, webhook.EndpointPaused, webhook.EndpointDisabled}

// Figures of all endpoints together, and of each that stands out. The latter have series
// of their own, whose number New bounds; a series ends when its endpoint no longer stands out.
var (
	webhooks = description("astrohook_webhooks", "Webhooks that are registered, by status.", "status")
	oldest   = description("astrohook_oldest_pending_age_seconds",
		"Age of the oldest delivery that is the next one of a queue or retry schedule, by the status of its webhook; 0 if there is none.", "status")
	breakers = description("astrohook_breakers_open", "Active webhooks with pending deliveries whose breaker is open or half-open.")
	lookedAt = description("astrohook_watchdog_age_seconds",
		"Time since the watchdog last finished a look at all webhooks with pending deliveries; what it saw is that old.")

	ofPending = ofWebhook("deliveries_pending", "Queued and retrying deliveries of a webhook that stands out.")
	ofOldest  = ofWebhook("oldest_pending_age_seconds",
		"Age of the older one of the next deliveries of queue and retry schedule, of a webhook that stands out; 0 if there is none.")
	ofBreaker = ofWebhook("breaker_open", "1 if the breaker of a webhook that stands out is open or half-open, else 0.")
	ofFailed  = ofWebhook("failure_ratio", "Part of the attempts of the last hour that failed, 0 to 1, of a webhook that stands out.")
)

func description(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func ofWebhook(name, help string) *prometheus.Desc {
	return description("astrohook_webhook_"+name, help, "webhook_id", "client_id")
}

var _ prometheus.Collector = (*Survey)(nil)

// Describe sends the descriptions of all figures.
func (s *Survey) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{webhooks, oldest, breakers, lookedAt, ofPending, ofOldest, ofBreaker, ofFailed} {
		to <- d
	}
}

// Collect sends the figures. They are in memory already: a scrape costs the same whatever
// is stored.
func (s *Survey) Collect(to chan<- prometheus.Metric) {
	now, found := time.Now(), s.Findings()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, status := range statuses {
		gauge(webhooks, float64(s.Webhooks(status)), string(status))
		gauge(oldest, age(found.Oldest[status], now), string(status))
	}
	gauge(breakers, float64(found.BreakersOpen))
	gauge(lookedAt, age(found.At, now))
	for i := range found.Worst {
		w := &found.Worst[i]
		id := webhook.EndpointID.Format(w.Endpoint)
		open := 0.0
		if !w.OpenUntil.IsZero() {
			open = 1
		}
		gauge(ofPending, float64(w.Pending), id, w.ClientID)
		gauge(ofOldest, age(w.OldestAt, now), id, w.ClientID)
		gauge(ofBreaker, open, id, w.ClientID)
		gauge(ofFailed, w.Attempts.FailureRatio(), id, w.ClientID)
	}
}

// age returns how many seconds ago a time was; 0 for the zero time, and for one that a clock
// which was set back puts in the future.
func age(at, now time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(now.Sub(at).Seconds(), 0)
}
