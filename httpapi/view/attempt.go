package view

import (
	"encoding/base64"
	"net/netip"
	"strings"

	"github.com/corpastro/astrohook/webhook"
)

// Attempt is an attempt as the API shows it. Durations are in milliseconds, to the
// microsecond.
type Attempt struct {
	Number     int     `json:"number"`
	StartedAt  string  `json:"started_at"`
	DurationMS float64 `json:"duration_ms"`
	// LatencyMS is the time to the response's status line.
	LatencyMS float64 `json:"latency_ms,omitzero"`
	connection
	// Requests counts the HTTP requests that were written: two where the receiver had closed
	// the kept connection before it read the first.
	Requests          int    `json:"requests"`
	ResponseCode      int    `json:"response_code,omitzero"`
	ResponseBody      string `json:"response_body,omitzero"`
	ResponseTruncated bool   `json:"response_truncated,omitzero"`
	ResponseEncoding  string `json:"response_encoding,omitzero"`
	Location          string `json:"location,omitzero"`
	responseHead
	Reason       string `json:"reason,omitzero"`
	ErrorMessage string `json:"error_message,omitzero"`
	// Detail is what exactly was wrong, in words for the receiver's owner.
	Detail       string `json:"detail,omitzero"`
	RetryAfterMS int64  `json:"retry_after_ms,omitzero"`
	// Request is what was sent, and RequestNotKept why that cannot be shown. Both are absent
	// from the attempts within a delivery.
	Request        *Request `json:"request,omitzero"`
	RequestNotKept string   `json:"request_not_kept,omitzero"`
}

// connection is what an attempt met on its way.
type connection struct {
	From    string `json:"from_address,omitzero"`
	To      string `json:"to_address,omitzero"`
	Reused  bool   `json:"reused,omitzero"`
	Proxied bool   `json:"proxied,omitzero"`
	Timings *times `json:"timings_ms,omitzero"`
}

// times is how long each step took, and FirstByte when the response began to arrive, from
// the attempt's beginning.
type times struct {
	DNS       float64 `json:"dns,omitzero"`
	Connect   float64 `json:"connect,omitzero"`
	TLS       float64 `json:"tls,omitzero"`
	FirstByte float64 `json:"first_byte,omitzero"`
}

// responseHead is the response's status line and fields.
type responseHead struct {
	Line      string      `json:"response_line,omitzero"`
	Headers   [][2]string `json:"response_headers,omitzero"`
	Truncated bool        `json:"response_headers_truncated,omitzero"`
	// NotKept is why they are missing.
	NotKept string `json:"response_headers_not_kept,omitzero"`
}

// Request is what an attempt sent, to the byte; the values of the webhook's own headers
// are masked.
type Request struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body_base64"`
}

// Reasons why something of an attempt cannot be shown.
const (
	NotKeptOlder     = "older_version"    // the attempt was made by a version that kept nothing of it
	NotKeptDelivered = "delivered"        // the heads of responses to what succeeded are not kept
	NotKeptLater     = "later_attempts"   // only the latest attempts keep it
	NotKeptBudget    = "budget"           // there was no room for it
	NotKeptUnsent    = "nothing_sent"     // there was no request
	NotKeptChanged   = "settings_changed" // the webhook or the server would make another request now
	NotKeptExpired   = "event_expired"    // the data of the event is not stored any more
)

// NewAttempts returns the attempts of a delivery that are kept, the oldest first. Unless
// whole is true, it leaves out addresses that belong to private networks: a webhook's
// owner must not find out what is inside that of the server.
func NewAttempts(log []webhook.Attempt, whole bool) []Attempt {
	list := make([]Attempt, 0, len(log))
	for i := range log {
		a := &log[i]
		list = append(list, Attempt{
			Number:            a.Number,
			StartedAt:         webhook.FormatTime(a.At),
			DurationMS:        milliseconds(a.Duration),
			LatencyMS:         milliseconds(a.Latency),
			connection:        newConnection(&a.Connection, whole),
			Requests:          a.Requests,
			ResponseCode:      a.StatusCode,
			ResponseBody:      excerpt(a),
			ResponseTruncated: a.ResponseTruncated,
			ResponseEncoding:  a.ResponseEncoding,
			Location:          a.Location,
			responseHead:      newResponseHead(a, log[len(log)-1].Number-a.Number),
			Reason:            string(a.Outcome().Reason),
			ErrorMessage:      a.Message(),
			Detail:            a.Detail,
			RetryAfterMS:      a.RetryAfter.Milliseconds(),
		})
	}
	return list
}

func newConnection(c *webhook.Connection, whole bool) connection {
	show := func(a netip.AddrPort) string {
		if !a.IsValid() || !whole && (c.Proxied || !isPublic(a.Addr())) {
			return ""
		}
		return a.String()
	}
	out := connection{From: show(c.From), To: show(c.To), Reused: c.Reused, Proxied: c.Proxied}
	t := times{milliseconds(c.DNS), milliseconds(c.Connect), milliseconds(c.TLS), milliseconds(c.FirstByte)}
	if t != (times{}) {
		out.Timings = &t
	}
	return out
}

// shared is the space of addresses for carriers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// isPublic reports whether an address says nothing of a private network.
func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

// newResponseHead returns what is kept of a response's head; later is how many attempts
// came after it.
func newResponseHead(a *webhook.Attempt, later int) (h responseHead) {
	switch {
	case a.ResponseHead != "":
		lines := strings.Split(a.ResponseHead, "\n")
		if last := len(lines) - 1; lines[last] == webhook.HeadCut {
			h.Truncated, lines = true, lines[:last]
		}
		h.Line, h.Headers = headOf(lines)
	case a.StatusCode == 0:
	case a.SentAs == 0:
		h.NotKept = NotKeptOlder
	case a.Outcome().Verdict == webhook.Success:
		h.NotKept = NotKeptDelivered
	case later >= webhook.MaxLongResponses:
		h.NotKept = NotKeptLater
	default:
		h.NotKept = NotKeptBudget
	}
	return h
}

// headOf returns the first line of a head, and its fields.
func headOf(lines []string) (first string, fields [][2]string) {
	fields = [][2]string{}
	for i, line := range lines {
		if i == 0 {
			first = line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, [2]string{name, strings.TrimPrefix(value, " ")})
	}
	return first, fields
}

// NewRequest returns a request to a target URL from its head and its body.
func NewRequest(target, head string, body []byte) *Request {
	line, fields := headOf(strings.Split(head, "\r\n"))
	method, _, _ := strings.Cut(line, " ")
	return &Request{Method: method, URL: target, Headers: fields, Body: base64.StdEncoding.EncodeToString(body)}
}
