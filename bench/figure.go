package main

import (
	"fmt"
	"math"
	"strconv"
)

// figure is the name of one of a result's numbers, as in results.json. Its last
// word is the unit.
type figure string

const (
	publishedPS figure = "published_per_second"
	// deliveredPS counts distinct deliveries from the first request, or from when
	// deliveries became possible, to the last arrival.
	deliveredPS figure = "delivered_per_second"
	// toBare is deliveredPS as a part of bare's in the same repetition and with the same payload.
	toBare figure = "delivered_to_bare_ratio"

	// Processor time, user and system, for 1,000 deliveries.
	serverCPU    figure = "server_cpu_per_1000_seconds"
	receiverCPU  figure = "receiver_cpu_per_1000_seconds"
	generatorCPU figure = "generator_cpu_per_1000_seconds"

	// Peaks of the server's resident memory: all of it, what it allocated, and what
	// it mapped of files, which the kernel takes back when it needs the room.
	peakMemory figure = "server_peak_bytes"
	peakAnon   figure = "server_peak_anonymous_bytes"
	peakFile   figure = "server_peak_file_bytes"

	// Times from when an event was due to its acknowledgement, and to its receipt.
	answerP50   figure = "answer_p50_ms"
	answerP99   figure = "answer_p99_ms"
	answerP999  figure = "answer_p999_ms"
	receiptP50  figure = "receipt_p50_ms"
	receiptP99  figure = "receipt_p99_ms"
	receiptP999 figure = "receipt_p999_ms"
	receiptMax  figure = "receipt_max_ms"

	// readyIn is from the start of the process to the first 200 of /readyz.
	readyIn figure = "ready_seconds"
	// firstDelivery is from ready to the first arrival.
	firstDelivery figure = "first_delivery_seconds"
	// recovery is from when deliveries became possible to the last arrival.
	recovery figure = "recovery_seconds"
	// atRest is what a server has allocated when nothing happens.
	atRest figure = "anonymous_at_rest_bytes"
	// registeredPS is how fast endpoints were registered, one per request.
	registeredPS figure = "registered_per_second"
	// memoryEach is by how much an idle endpoint makes the server larger.
	memoryEach figure = "memory_per_endpoint_bytes"
	// herdPeak is the largest number of arrivals in a second to the mean.
	herdPeak figure = "largest_second_to_mean_ratio"
	// Drifts are medians of the last third of a run to those of the first.
	p50Drift    figure = "receipt_p50_drift_ratio"
	p99Drift    figure = "receipt_p99_drift_ratio"
	memoryDrift figure = "anonymous_memory_drift_ratio"
	// diskEach is by how much a delivery makes the data directory larger.
	diskEach figure = "disk_per_delivery_bytes"
)

// kind tells how a figure is written for people.
type kind struct {
	figure
	title string
	// per is how many of the figure's unit make one of the title's.
	per    float64
	digits int
}

// kinds are in the order in which figures are written.
var kinds = []kind{
	{deliveredPS, "delivered/s", 1, 0},
	{toBare, "to bare", 1, 2},
	{serverCPU, "server CPU s/1,000", 1, 4},
	{peakMemory, "peak MiB", mebibyte, 0},
	{peakAnon, "anonymous MiB", mebibyte, 0},
	{peakFile, "file MiB", mebibyte, 0},
	{answerP50, "202 p50 ms", 1, 2},
	{answerP99, "202 p99 ms", 1, 2},
	{receiptP50, "receipt p50 ms", 1, 2},
	{receiptP99, "receipt p99 ms", 1, 2},
	{readyIn, "ready s", 1, 2},
	{firstDelivery, "first delivery s", 1, 3},
	{recovery, "recovery s", 1, 1},
	{atRest, "anonymous MiB at rest", mebibyte, 0},
	{registeredPS, "registered/s", 1, 0},
	{memoryEach, "bytes per endpoint", 1, 0},
	{herdPeak, "largest second to mean", 1, 2},
	{p50Drift, "receipt p50 drift", 1, 2},
	{p99Drift, "receipt p99 drift", 1, 2},
	{memoryDrift, "anonymous memory drift", 1, 2},
	{diskEach, "disk bytes per delivery", 1, 0},
}

const mebibyte = 1 << 20

// kind is how the figure is written: as it is, if it is not among kinds.
func (f figure) kind() kind {
	for _, k := range kinds {
		if k.figure == f {
			return k
		}
	}
	return kind{figure: f, title: string(f), per: 1, digits: 3}
}

// title is how a figure is called in tables.
func (f figure) title() string { return f.kind().title }

// format writes a value of the figure, in the unit of its title.
func (f figure) format(value float64) string {
	k := f.kind()
	return formatNumber(value/k.per, k.digits)
}

// formatNumber writes a number with commas between the thousands.
func formatNumber(value float64, digits int) string {
	text := strconv.FormatFloat(math.Abs(value), 'f', digits, 64)
	whole := len(text)
	if digits > 0 {
		whole -= digits + 1
	}
	for i := whole - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	if value < 0 {
		return "-" + text
	}
	return text
}

// formatCount writes a whole number for people.
func formatCount[T int | uint64](n T) string { return formatNumber(float64(n), 0) }

// set notes a figure unless it is not a number, as a ratio to nothing is.
func (r *result) set(f figure, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	if r.Figures == nil {
		r.Figures = map[figure]float64{}
	}
	r.Figures[f] = value
}

// String names a result's scenario and variant.
func (k key) String() string {
	name := k.Scenario
	if k.Variant != "" {
		name += ", " + k.Variant
	}
	if k.Binary != "" {
		name = fmt.Sprintf("%s (%s)", name, k.Binary)
	}
	return name
}
