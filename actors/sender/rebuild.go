package sender

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// requestForm is raised when appendRequest makes another request of the same things, so
// that requests of an older program are not shown as this one would make them.
const requestForm = 1

// compose computes what the requests to an endpoint are made from.
func (t *Target) compose(e *webhook.Endpoint) (err error) {
	if t.url, err = guard.ParseTarget(e.TargetURL); err != nil {
		return err
	}
	if t.signer, err = signing.NewSigner(e.Secrets); err != nil {
		return err
	}
	t.head, err = t.client.head.forTarget(t.url, e.Headers)
	t.sentAs = t.fingerprint(e)
	return err
}

// fingerprint returns webhook.Attempt.SentAs for the requests to an endpoint. Its secrets
// are the key: a hash without one would reveal a header's value that can be guessed.
func (t *Target) fingerprint(e *webhook.Endpoint) uint32 {
	var key []byte
	for _, s := range e.Secrets {
		key = binary.BigEndian.AppendUint64(append(key, s.Value+"\n"...), uint64(s.ExpiresAt.UnixMicro()))
	}
	o := &t.client.head
	text := binary.BigEndian.AppendUint64(e.ID.AppendTo(nil), requestForm)
	of := hmac.New(sha256.New, key)
	of.Write(append(text, e.TargetURL+"\n"+o.prefix+"\n"+t.head...))
	return max(binary.BigEndian.Uint32(of.Sum(nil)), 1)
}

// masked stands for the value of a header that may be a credential.
const masked = "***"

// Request returns what an attempt of a delivery sent: the head of the request, without the
// empty line that ends it, and the body. The values of the endpoint's own headers are
// masked. ok is false, and nothing is returned, if the endpoint or this program would make
// another request now.
func (c *Client) Request(e webhook.Endpoint, due webhook.Due, a webhook.Attempt) (head string, body []byte, ok bool) {
	t := &Target{client: c, id: e.ID, clientID: e.ClientID}
	if t.compose(&e) != nil || t.sentAs != a.SentAs {
		return "", nil, false
	}
	m := new(message)
	t.appendRequest(m, delivery{
		id: due.Delivery.ID, eventType: due.Delivery.EventType, data: due.Data, attempt: a.Number, at: a.At, began: a.At,
	})
	lines := strings.Split(string(m.whole[:len(m.whole)-len(m.body)-len(http1.HeadEnd)]), lineEnd)
	for i, line := range lines[1:] {
		name, _, _ := strings.Cut(line, ":")
		own := func(h webhook.CustomHeader) bool { return strings.EqualFold(h.Name, name) }
		if slices.ContainsFunc(e.Headers, own) {
			lines[1+i] = name + http1.FieldEnd + masked
		}
	}
	return strings.Join(lines, lineEnd), m.body, true
}

// lineEnd ends each line of a head.
const lineEnd = "\r\n"
