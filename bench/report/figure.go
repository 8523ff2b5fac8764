package report

import (
	"fmt"
	"math"
	"strconv"
)

// Figure is the name of one of a result's numbers, as in results.json. It ends with its
// unit, and is never renamed: scripts read it, and old results are compared with new ones.
type Figure string

// Rates.
const (
	// PublishedPerSecond counts acknowledged events from the first request to the last answer.
	PublishedPerSecond Figure = "published_per_second"
	// DeliveredPerSecond counts distinct deliveries from the first request, or from when
	// deliveries became possible, to the last arrival.
	DeliveredPerSecond Figure = "delivered_per_second"
	// ToBare is DeliveredPerSecond as a part of bare's in the same repetition and with
	// the same payload.
	ToBare Figure = "delivered_to_bare_ratio"
	// RegisteredPerSecond is how fast endpoints were registered, one per request.
	RegisteredPerSecond Figure = "registered_per_second"
)

// Processor time, user and system, for 1,000 deliveries.
const (
	ServerCPU    Figure = "server_cpu_per_1000_seconds"
	ReceiverCPU  Figure = "receiver_cpu_per_1000_seconds"
	GeneratorCPU Figure = "generator_cpu_per_1000_seconds"
	// DatabaseCPU is that of all processes of PostgreSQL, and StoredCPU that of the server
	// and of whatever keeps its data: the two together.
	DatabaseCPU Figure = "database_cpu_per_1000_seconds"
	StoredCPU   Figure = "server_and_database_cpu_per_1000_seconds"
)

// Peaks of the server's resident memory: all of it, the part that it allocated, and
// the part that it mapped of files, which the kernel takes back when it needs the room.
const (
	PeakMemory Figure = "server_peak_bytes"
	PeakAnon   Figure = "server_peak_anonymous_bytes"
	PeakFile   Figure = "server_peak_file_bytes"
)

// Times from when an event was due to its acknowledgement, and to its receipt.
const (
	AnswerP50   Figure = "answer_p50_ms"
	AnswerP99   Figure = "answer_p99_ms"
	AnswerP999  Figure = "answer_p999_ms"
	ReceiptP50  Figure = "receipt_p50_ms"
	ReceiptP99  Figure = "receipt_p99_ms"
	ReceiptP999 Figure = "receipt_p999_ms"
	ReceiptMax  Figure = "receipt_max_ms"
)

// What single scenarios measure beside the rest.
const (
	// ReadyIn is from the start of the process to the first 200 of /readyz.
	ReadyIn Figure = "ready_seconds"
	// FirstDelivery is from ready to the first arrival.
	FirstDelivery Figure = "first_delivery_seconds"
	// Recovery is from when deliveries became possible to the last arrival.
	Recovery Figure = "recovery_seconds"
	// AtRest is the memory that a server has allocated while nothing happens.
	AtRest Figure = "anonymous_at_rest_bytes"
	// MemoryEach is by how much an idle endpoint makes the server larger.
	MemoryEach Figure = "memory_per_endpoint_bytes"
	// DiskEach is by how much a delivery makes the data directory larger.
	DiskEach Figure = "disk_per_delivery_bytes"
	// LeastDelivered is the least part of what a window of a saturated run accepted that the
	// window delivered.
	LeastDelivered Figure = "least_delivered_to_accepted_ratio"
	// MostPending is how many deliveries were pending at most.
	MostPending Figure = "most_pending_deliveries"
	// BusyLooks is the part of looks that found deliveries in flight, or none that waited.
	BusyLooks Figure = "busy_looks_ratio"
	// HerdPeak is the largest number of arrivals in a second to the mean.
	HerdPeak Figure = "largest_second_to_mean_ratio"
)

// Drifts are medians of the last third of a run to those of the first.
const (
	P50Drift    Figure = "receipt_p50_drift_ratio"
	P99Drift    Figure = "receipt_p99_drift_ratio"
	MemoryDrift Figure = "anonymous_memory_drift_ratio"
)

// kind is how a figure is written for people.
type kind struct {
	Figure
	title string
	// per is how many of the figure's unit make one of the title's.
	per float64
	// digits is how many stand behind the decimal point.
	digits int
}

// kinds are all figures that tables show, with their titles.
var kinds = []kind{
	{DeliveredPerSecond, "delivered/s", 1, 0},
	{ToBare, "to bare", 1, 2},
	{ServerCPU, "server CPU s/1,000", 1, 4},
	{DatabaseCPU, "database CPU s/1,000", 1, 4},
	{StoredCPU, "server and database CPU s/1,000", 1, 4},
	{PeakMemory, "peak MiB", Mebibyte, 0},
	{PeakAnon, "anonymous MiB", Mebibyte, 0},
	{PeakFile, "file MiB", Mebibyte, 0},
	{AnswerP50, "202 p50 ms", 1, 2},
	{AnswerP99, "202 p99 ms", 1, 2},
	{ReceiptP50, "receipt p50 ms", 1, 2},
	{ReceiptP99, "receipt p99 ms", 1, 2},
	{ReadyIn, "ready s", 1, 2},
	{FirstDelivery, "first delivery s", 1, 3},
	{Recovery, "recovery s", 1, 1},
	{AtRest, "anonymous MiB at rest", Mebibyte, 0},
	{RegisteredPerSecond, "registered/s", 1, 0},
	{MemoryEach, "bytes per endpoint", 1, 0},
	{HerdPeak, "largest second to mean", 1, 2},
	{LeastDelivered, "least delivered to accepted", 1, 3},
	{MostPending, "most pending", 1, 0},
	{BusyLooks, "looks that found work in flight", 1, 3},
	{P50Drift, "receipt p50 drift", 1, 2},
	{P99Drift, "receipt p99 drift", 1, 2},
	{MemoryDrift, "anonymous memory drift", 1, 2},
	{DiskEach, "disk bytes per delivery", 1, 0},
}

// Mebibyte is the unit of memory and disk space in tables and charts.
const Mebibyte = 1 << 20

// kind returns how the figure is written. A figure that is not among kinds is written
// under its own name: it may be of a later version of the bench.
func (f Figure) kind() kind {
	for _, k := range kinds {
		if k.Figure == f {
			return k
		}
	}
	return kind{Figure: f, title: string(f), per: 1, digits: 3}
}

// title returns the name of a figure in tables.
func (f Figure) title() string { return f.kind().title }

// format writes a value of the figure, in the unit of its title.
func (f Figure) format(value float64) string {
	k := f.kind()
	return FormatNumber(value/k.per, k.digits)
}

// spread writes a figure's median, with the bounds if they differ from it as written.
func (f Figure) spread(s Spread, measured bool) string {
	if !measured {
		return ""
	}
	median, low, high := f.format(s.Median), f.format(s.Min), f.format(s.Max)
	if low == high {
		return median
	}
	return fmt.Sprintf("%s (%s–%s)", median, low, high)
}

// FormatNumber writes a number with commas between the thousands.
func FormatNumber(value float64, digits int) string {
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

// FormatCount writes a whole number for people.
func FormatCount[T int | uint64](n T) string { return FormatNumber(float64(n), 0) }
