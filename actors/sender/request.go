package sender

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// delivery is what one request carries.
type delivery struct {
	id        webhook.ID
	eventType string
	data      []byte
	attempt   int
	at        time.Time
	// began is at by the steady clock.
	began time.Time
}

// headOptions are what the request heads of all endpoints have in common.
type headOptions struct {
	userAgent string
	prefix    string
	// What goes before the values of a request, in this order.
	id, event, timestamp, eventID, eventTimestamp, attempt, signature, signatureNext string
}

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
		id:             "\r\n" + names.ID + ": ",
		event:          "\r\n" + names.Event + ": ",
		timestamp:      "\r\n" + names.Timestamp + ": ",
		eventID:        "\r\n" + names.EventID + ": ",
		eventTimestamp: "\r\n" + names.EventTimestamp + ": ",
		attempt:        "\r\n" + names.Attempt + ": ",
		signature:      "\r\n" + names.Signature + ": ",
		signatureNext:  "\r\n" + names.SignatureNext + ": ",
	}, nil
}

func notInHeaderName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
}

// The pieces that are the same for every endpoint.
const (
	standardID        = "\r\n" + webhook.HeaderWebhookID + ": "
	standardTimestamp = "\r\n" + webhook.HeaderWebhookTimestamp + ": "
	standardSignature = "\r\n" + webhook.HeaderWebhookSignature + ": "
	headEnd           = "\r\n\r\n"
)

// forTarget gives how the requests to a target begin, up to the length of the
// body. It fails if a custom header may not be sent. They were checked when they
// were set, but perhaps under another prefix; this is the last place where it can matter.
func (o headOptions) forTarget(t TargetURL, custom []webhook.CustomHeader) (string, error) {
	if err := webhook.CheckCustomHeaders(custom, o.prefix); err != nil {
		return "", err
	}
	var own strings.Builder
	encoding := "\r\nAccept-Encoding: identity" // what is kept of a response is to be read by people
	for _, h := range custom {
		own.WriteString("\r\n" + h.Name + ": " + h.Value)
		if strings.EqualFold(h.Name, "Accept-Encoding") {
			encoding = ""
		}
	}
	return "POST " + t.RequestURI + " HTTP/1.1\r\nHost: " + t.Authority + "\r\nUser-Agent: " + o.userAgent + own.String() +
		encoding + "\r\nContent-Type: application/json\r\nContent-Length: ", nil
}

// message is the memory that a request is put together in.
type message struct {
	body, whole []byte
}

// maxKeptMessage is the size up to which a message's memory is used again.
const maxKeptMessage = 64 << 10

var messages = sync.Pool{New: func() any {
	return &message{body: make([]byte, 0, 2<<10), whole: make([]byte, 0, 4<<10)}
}}

func (m *message) free() {
	if cap(m.whole) <= maxKeptMessage {
		messages.Put(m)
	}
}

// appendRequest puts a request together: the head, and the body as it was signed.
func (t *Target) appendRequest(m *message, d delivery) {
	m.body = webhook.AppendBody(m.body[:0], d.id, d.at, d.eventType, d.data)
	id := webhook.DeliveryID.Format(d.id)
	h := &t.client.head
	b := append(m.whole[:0], t.head...)
	b = strconv.AppendInt(b, int64(len(m.body)), 10)
	b = append(append(b, h.id...), id...)
	b = appendHeaderValue(append(b, h.event...), d.eventType)
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
	m.whole = append(append(b, headEnd...), m.body...)
}

// appendHeaderValue leaves out what would end a header. Event types were checked
// when they were published; this is the last place where it can matter.
func appendHeaderValue(dst []byte, value string) []byte {
	for i := range len(value) {
		if c := value[i]; c >= ' ' && c != 0x7f {
			dst = append(dst, c)
		}
	}
	return dst
}
