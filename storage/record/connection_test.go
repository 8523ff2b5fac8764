package record

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// someConnection has every field.
func someConnection() webhook.Connection {
	return webhook.Connection{
		From: netip.MustParseAddrPort("192.0.2.7:41234"), To: netip.MustParseAddrPort("198.51.100.9:443"), Proxied: true,
		DNS: 3 * time.Millisecond, Connect: 20 * time.Millisecond, TLS: 40 * time.Millisecond, FirstByte: 70 * time.Millisecond,
	}
}

// TestConnectionIsRead: every combination of what an attempt met comes back as it was.
func TestConnectionIsRead(t *testing.T) {
	six, mapped := netip.MustParseAddrPort("[2001:db8::1]:8443"), netip.MustParseAddrPort("[::ffff:192.0.2.7]:41234")
	whole := someConnection()
	for name, change := range map[string]func(*webhook.Attempt){
		"nothing":    func(a *webhook.Attempt) { a.Connection = webhook.Connection{} },
		"everything": func(*webhook.Attempt) {},
		"a kept connection": func(a *webhook.Attempt) {
			a.Connection = webhook.Connection{From: whole.From, To: whole.To, Reused: true}
		},
		"IPv6 to":               func(a *webhook.Attempt) { a.Connection.To = six },
		"IPv6 from":             func(a *webhook.Attempt) { a.Connection.From = six },
		"IPv6":                  func(a *webhook.Attempt) { a.Connection.From, a.Connection.To = six, six },
		"no connection":         func(a *webhook.Attempt) { a.Connection.From = netip.AddrPort{} },
		"no connection to IPv6": func(a *webhook.Attempt) { a.Connection.From, a.Connection.To = netip.AddrPort{}, six },
		"a name only":           func(a *webhook.Attempt) { a.Connection = webhook.Connection{DNS: time.Second} },
		"a byte with the line":  func(a *webhook.Attempt) { a.Connection.FirstByte = a.Latency },
		"a byte and no line":    func(a *webhook.Attempt) { a.Latency, a.StatusCode = 0, 0 },
		"a request":             func(a *webhook.Attempt) { a.Connection, a.SentAs = webhook.Connection{}, 1 },
	} {
		d := someDelivery()
		a := *d.LastAttempt()
		a.Connection, a.SentAs = whole, 0xfedcba98
		change(&a)
		if got, err := DecodeAttempt(EncodeAttempt(&a)); err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("%s: %v\n%+v, want\n%+v", name, err, got, a)
		}
		d.AttemptLog[0] = a
		if got, err := DecodeDelivery(d.ID, EncodeDelivery(&d)); err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%s, in its delivery: %v\n%+v", name, err, got)
		}
	}
	a := webhook.Attempt{Requests: 1, Connection: webhook.Connection{To: mapped}}
	if got, err := DecodeAttempt(EncodeAttempt(&a)); err != nil || got.Connection.To != whole.From {
		t.Errorf("an IPv4 address within IPv6: %+v, %v", got.Connection, err)
	}
}

// TestAddressesAreChecked: kinds of addresses that nothing writes are damage.
func TestAddressesAreChecked(t *testing.T) {
	a := webhook.Attempt{Requests: 1, Connection: webhook.Connection{To: someConnection().To}}
	record := EncodeAttempt(&a)
	at := bytes.LastIndexByte(record, withoutFrom)
	for kinds := range 256 {
		record[at] = byte(kinds)
		_, err := DecodeAttempt(record)
		if good := kinds == withoutFrom; good != (err == nil) || !good && !errors.Is(err, ErrDamaged) {
			t.Errorf("kinds %#x: %v", kinds, err)
		}
	}
}

// TestHeadsAreJoined: the log gives an attempt its head, beside a long body or without one,
// and only the latest attempts have theirs.
func TestHeadsAreJoined(t *testing.T) {
	const head = "HTTP/1.1 500 No\nA: b\n" + webhook.HeadCut
	for _, response := range [][]byte{nil, []byte("short"), longText} {
		d := webhook.Delivery{ID: someID, Status: webhook.Retrying}
		var attempts []webhook.Attempt
		var bodies []Body
		for n := 1; n <= webhook.MaxLongResponses+1; n++ {
			d.Attempts = n
			d.AttemptLog = []webhook.Attempt{{Number: n, Requests: 1, StatusCode: 500, Response: response, ResponseHead: head}}
			s := EncodeSettled(&d)
			a, err := DecodeAttempt(s.Attempt)
			b, err2 := DecodeBody(s.Body)
			if err != nil || err2 != nil || a.ResponseHead != "" {
				t.Fatalf("%v, %v, %q", err, err2, a.ResponseHead)
			}
			attempts, bodies = append(attempts, a), append(bodies, b)
		}
		d.AttemptLog = nil
		JoinLog(&d, attempts, bodies)
		for i, a := range d.AttemptLog {
			latest := i > len(d.AttemptLog)-1-webhook.MaxLongResponses
			if (a.ResponseHead == head) != latest || latest && !bytes.Equal(a.Response, response) {
				t.Errorf("attempt %d of %d: %q and %d bytes of %d", i+1, len(d.AttemptLog), a.ResponseHead, len(a.Response), len(response))
			}
		}
	}
}
