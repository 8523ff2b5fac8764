package inspect

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// figures are the metrics that an operator looks at first. One that the server does not have
// is left out: versions differ.
type figures struct {
	Pending      float64            `json:"deliveries_pending"`
	OldestAge    map[string]float64 `json:"oldest_pending_age_seconds,omitempty"` // by the webhook's status
	InFlight     float64            `json:"attempts_in_flight"`
	Waiting      float64            `json:"slots_waiting"`
	Accepted     float64            `json:"events_accepted_total"`
	Delivered    float64            `json:"delivered_total"`
	Failed       float64            `json:"failed_total"`
	Webhooks     map[string]float64 `json:"webhooks,omitempty"` // by status
	BreakersOpen *float64           `json:"breakers_open,omitempty"`
	DiskFree     *float64           `json:"disk_free_bytes,omitempty"`
	DiskReserve  *float64           `json:"disk_reserve_bytes,omitempty"`
	Stored       *float64           `json:"storage_bytes,omitempty"`
	Panics       float64            `json:"panics_total"`
	Nodes        *float64           `json:"cluster_nodes,omitempty"`      // alive; none without a cluster
	Parts        *float64           `json:"cluster_parts,omitempty"`      // of this node, of 256
	FreeParts    *float64           `json:"cluster_free_parts,omitempty"` // that no node delivers to
	Rates        *rates             `json:"rates,omitempty"`              // between two looks

	at time.Time // when they were read
}

// figures reads the metrics of an admin listener.
func (p prober) figures(ctx context.Context, admin string) (*figures, error) {
	a, err := p.get(ctx, strings.TrimRight(admin, "/")+"/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(a.body))
	if err != nil {
		return nil, fmt.Errorf("what answers has no metrics: %w", err)
	}
	m := metrics(families)
	if m["astrohook_deliveries_pending"] == nil {
		return nil, fmt.Errorf("what answers is no admin listener of Astrohook")
	}
	settled := m.by("astrohook_deliveries_settled_total", "status")
	return &figures{
		Pending: m.sum("astrohook_deliveries_pending"), OldestAge: m.by("astrohook_oldest_pending_age_seconds", "status"),
		InFlight: m.sum("astrohook_attempts_in_flight"), Waiting: m.sum("astrohook_slots_waiting"),
		Accepted: m.sum("astrohook_events_accepted_total"), Delivered: settled["delivered"], Failed: settled["failed"],
		Webhooks: m.by("astrohook_webhooks", "status"), BreakersOpen: m.maybe("astrohook_breakers_open"),
		DiskFree: m.maybe("astrohook_disk_free_bytes"), DiskReserve: m.maybe("astrohook_disk_reserve_bytes"), Stored: m.maybe("astrohook_storage_bytes"),
		Panics: m.sum("astrohook_panics_total"), at: time.Now(),
		Nodes: m.maybe("astrohook_cluster_nodes"), Parts: m.maybe("astrohook_cluster_parts"), FreeParts: m.maybe("astrohook_cluster_free_parts"),
	}, nil
}

// metrics are the families of metrics, by name.
type metrics map[string]*dto.MetricFamily

// sum returns the sum of all series of a counter or a gauge; 0 if there is none.
func (m metrics) sum(name string) (sum float64) {
	for _, series := range m[name].GetMetric() {
		sum += series.GetCounter().GetValue() + series.GetGauge().GetValue() + series.GetUntyped().GetValue()
	}
	return sum
}

// maybe returns the sum of a metric; nil if the server does not have it.
func (m metrics) maybe(name string) *float64 {
	if m[name] == nil {
		return nil
	}
	sum := m.sum(name)
	return &sum
}

// by returns the values of a metric by one of its labels; nil if the server does not have it.
func (m metrics) by(name, label string) map[string]float64 {
	if m[name] == nil {
		return nil
	}
	values := map[string]float64{}
	for _, series := range m[name].GetMetric() {
		for _, l := range series.GetLabel() {
			if l.GetName() == label {
				values[l.GetValue()] += series.GetCounter().GetValue() + series.GetGauge().GetValue()
			}
		}
	}
	return values
}

// fields returns the lines of the card.
func (f *figures) fields() []output.Field {
	fields := []output.Field{
		{Title: "pending", Text: f.pending()},
		{Title: "in flight", Text: terminal.Counted(int64(f.InFlight), "attempt") + "; waiting for more: " + terminal.CountedOrNo(int64(f.Waiting), "webhook")},
		{Title: "since the start", Text: fmt.Sprintf("accepted %.0f, delivered %.0f, failed %.0f", f.Accepted, f.Delivered, f.Failed)},
	}
	if f.Rates != nil {
		fields = append(fields, output.Field{Title: "per second", Text: fmt.Sprintf("accepted %.1f, delivered %.1f, failed %.1f", f.Rates.Accepted, f.Rates.Delivered, f.Rates.Failed)})
	}
	if f.Webhooks != nil {
		fields = append(fields, output.Field{Title: "webhooks", Text: fmt.Sprintf("%.0f active, %.0f paused, %.0f disabled", f.Webhooks["active"], f.Webhooks["paused"], f.Webhooks["disabled"])})
	}
	if f.Nodes != nil {
		fields = append(fields, f.cluster())
	}
	if f.BreakersOpen != nil {
		fields = append(fields, output.Field{Title: "breakers open", Text: fmt.Sprintf("%.0f", *f.BreakersOpen), Tone: toneIf(*f.BreakersOpen > 0, output.Warn)})
	}
	if f.DiskFree != nil && f.DiskReserve != nil {
		fields = append(fields, output.Field{
			Title: "disk free", Text: fmt.Sprintf("%s; publishing is refused below %s", size(*f.DiskFree), size(*f.DiskReserve)),
			Tone: toneIf(*f.DiskFree < *f.DiskReserve, output.Bad),
		})
	}
	if f.Stored != nil {
		fields = append(fields, output.Field{Title: "stored", Text: size(*f.Stored)})
	}
	if f.Panics > 0 {
		fields = append(fields, output.Field{Title: "panics", Text: fmt.Sprintf("%.0f; the log has them", f.Panics), Tone: output.Bad})
	}
	return fields
}

// pending returns how many deliveries wait, and how long the oldest of an active webhook has.
func (f *figures) pending() string {
	line := terminal.Counted(int64(f.Pending), "delivery")
	if age := f.OldestAge["active"]; f.Pending > 0 && age > 0 {
		line += "; the oldest of an active webhook for " + output.Span(time.Duration(age*float64(time.Second)))
	}
	return line
}

// toneIf returns a tone, or none.
func toneIf(is bool, tone output.Tone) output.Tone {
	if is {
		return tone
	}
	return output.Plain
}

// size returns a number of bytes for people.
func size(bytes float64) string { return humanize.IBytes(uint64(max(0, bytes))) }
