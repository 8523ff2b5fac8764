package sender

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// delivery is the content of one request.
type delivery struct {
	id        webhook.ID
	eventType string
	data      []byte
	attempt   int // from 1
	at        time.Time
	began     time.Time // at, with the monotonic clock's reading
}

// headOptions are the parts of a request's head that all endpoints have in common.
type headOptions struct {
	userAgent string
	prefix    string // of our own headers
	// What goes before the values of our own headers, in this order.
	id, event, timestamp, eventID, eventTimestamp, attempt, signature, signatureNext string
}

// newHeadOptions checks and completes the options of a client. An empty prefix or
// version stands for the default.
func newHeadOptions(prefix, version string) (headOptions, error) {
	if prefix == "" {
		prefix = webhook.DefaultHeaderPrefix
	}
	if version == "" {
		version = "dev"
	}
	if strings.ContainsFunc(prefix, notInHeaderName) {
		return headOptions{}, fmt.Errorf("HeaderPrefix %q has characters other than letters, digits and hyphens", prefix)
	}
	if strings.ContainsFunc(version, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return headOptions{}, fmt.Errorf("version %q has characters that a header cannot carry", version)
	}
	names := webhook.HeadersFor(prefix)
	return headOptions{
		userAgent: "Astrohook/" + version, prefix: prefix,
		id:             http1.FieldStart(names.ID),
		event:          http1.FieldStart(names.Event),
		timestamp:      http1.FieldStart(names.Timestamp),
		eventID:        http1.FieldStart(names.EventID),
		eventTimestamp: http1.FieldStart(names.EventTimestamp),
		attempt:        http1.FieldStart(names.Attempt),
		signature:      http1.FieldStart(names.Signature),
		signatureNext:  http1.FieldStart(names.SignatureNext),
	}, nil
}

func notInHeaderName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
}

// What goes before the values of the Standard Webhooks headers.
const (
	standardID        = "\r\n" + signing.HeaderID + http1.FieldEnd
	standardTimestamp = "\r\n" + signing.HeaderTimestamp + http1.FieldEnd
	standardSignature = "\r\n" + signing.HeaderSignature + http1.FieldEnd
)

// forTarget returns the beginning of each request to a target: all that is the
// same for every delivery, up to the value of Content-Length. It fails if one of
// the custom headers may not be sent. They were checked when they were set, but
// perhaps under another prefix, and a wrong one could imitate ours.
func (o headOptions) forTarget(t guard.TargetURL, custom []webhook.CustomHeader) (string, error) {
	if err := webhook.CheckCustomHeaders(custom, o.prefix); err != nil {
		return "", err
	}
	var own strings.Builder
	encoding := http1.FieldStart("Accept-Encoding") + "identity" // people read the excerpt of the response
	for _, h := range custom {
		own.WriteString(http1.FieldStart(h.Name) + h.Value)
		if strings.EqualFold(h.Name, "Accept-Encoding") {
			encoding = ""
		}
	}
	return http1.RequestStart("POST", t.RequestURI, t.Authority) + http1.FieldStart("User-Agent") + o.userAgent + own.String() + encoding +
		http1.FieldStart("Content-Type") + "application/json" + http1.FieldStart("Content-Length"), nil
}

// message is the memory in which a request is put together. The body has a buffer
// of its own, because the head in front of it holds its length and its signature.
type message struct {
	body, whole []byte
}

// maxKeptMessage bounds the messages that are used again, in bytes: one large
// event must not leave its memory behind in each processor's pool.
const maxKeptMessage = 64 << 10

var messages = sync.Pool{New: func() any {
	return &message{body: make([]byte, 0, 2<<10), whole: make([]byte, 0, 4<<10)}
}}

func (m *message) free() {
	if cap(m.whole) <= maxKeptMessage {
		messages.Put(m)
	}
}

// appendRequest puts a request together in m: the head, and the body as it was
// signed. It allocates nothing while m has room.
func (t *Target) appendRequest(m *message, d delivery) {
	m.body = webhook.AppendBody(m.body[:0], d.id, d.at, d.eventType, d.data)
	id := webhook.DeliveryID.Format(d.id)
	h := &t.client.head
	b := append(m.whole[:0], t.head...)
	b = strconv.AppendInt(b, int64(len(m.body)), 10)
	b = append(append(b, h.id...), id...)
	b = http1.AppendValue(append(b, h.event...), d.eventType)
	b = webhook.AppendTime(append(b, h.timestamp...), d.at)
	b = webhook.EventID.Append(append(b, h.eventID...), d.id.Event())
	b = webhook.AppendTime(append(b, h.eventTimestamp...), d.id.Time())
	b = strconv.AppendInt(append(b, h.attempt...), int64(d.attempt), 10)
	if t.signer.SignsHex(d.at) {
		b = t.signer.AppendHex(append(b, h.signature...), d.at, m.body)
	}
	if t.signer.SignsNext(d.at) {
		b = t.signer.AppendHexNext(append(b, h.signatureNext...), d.at, m.body)
	}
	b = append(append(b, standardID...), id...)
	b = strconv.AppendInt(append(b, standardTimestamp...), d.at.Unix(), 10)
	b = t.signer.AppendStandard(append(b, standardSignature...), d.at, id, m.body)
	m.whole = append(append(b, http1.HeadEnd...), m.body...)
}
