package view

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestAddresses: an administrator sees both ends of a connection; the webhook's owner only
// what says nothing of a private network, and nothing of a proxy.
func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		from, to string
		proxied  bool
		owner    [2]string
	}{
		{"192.168.1.2:40000", "93.184.216.34:443", false, [2]string{"", "93.184.216.34:443"}},
		{"8.8.4.4:40000", "[2606:2800:220:1::1]:443", false, [2]string{"8.8.4.4:40000", "[2606:2800:220:1::1]:443"}},
		{"10.0.0.1:40000", "10.0.0.2:80", false, [2]string{}},
		{"127.0.0.1:40000", "127.0.0.1:80", false, [2]string{}},
		{"[fd00::1]:40000", "[fe80::1]:80", false, [2]string{}},
		{"100.64.0.1:40000", "100.127.255.255:80", false, [2]string{}},
		{"169.254.0.1:1", "[::1]:80", false, [2]string{}},
		{"8.8.4.4:40000", "8.8.8.8:3128", true, [2]string{}},
	} {
		met := webhook.Connection{From: netip.MustParseAddrPort(c.from), To: netip.MustParseAddrPort(c.to), Proxied: c.proxied}
		log := []webhook.Attempt{{Connection: met}}
		whole, owned := NewAttempts(log, true)[0], NewAttempts(log, false)[0]
		if whole.From != c.from || whole.To != c.to || whole.Proxied != c.proxied || owned.Proxied != c.proxied {
			t.Errorf("an administrator sees %+v, want %+v", whole.connection, c)
		}
		if got := [2]string{owned.From, owned.To}; got != c.owner {
			t.Errorf("%s to %s: the owner sees %q, want %q", c.from, c.to, got, c.owner)
		}
	}
	if got := NewAttempts([]webhook.Attempt{{}}, true)[0].connection; got != (connection{}) {
		t.Errorf("nothing is known: %+v", got)
	}
}

// TestTimings: steps that took time are shown to the microsecond, others are absent.
func TestTimings(t *testing.T) {
	log := []webhook.Attempt{{Connection: webhook.Connection{DNS: 1500 * time.Microsecond, TLS: time.Second, FirstByte: time.Microsecond}}}
	got := members(t, NewAttempts(log, false)[0])["timings_ms"]
	if want := "map[dns:1.5 first_byte:0.001 tls:1000]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// TestResponseHeads: the head is shown as it is kept, and else why it is not.
func TestResponseHeads(t *testing.T) {
	const head = "HTTP/1.1 500 No\nA: b: c\nEmpty: "
	kept := webhook.Attempt{StatusCode: 500, SentAs: 1, ResponseHead: head}
	cut, bare, without := kept, kept, kept
	cut.ResponseHead += "\n" + webhook.HeadCut
	bare.ResponseHead = "HTTP/1.1 500"
	without.ResponseHead = ""
	older, delivered, unanswered := without, without, without
	older.SentAs, delivered.StatusCode, unanswered.StatusCode = 0, 204, 0
	fields := [][2]string{{"A", "b: c"}, {"Empty", ""}}
	for name, c := range map[string]struct {
		a     webhook.Attempt
		later int
		want  responseHead
	}{
		"kept":             {kept, 0, responseHead{Line: "HTTP/1.1 500 No", Headers: fields}},
		"cut":              {cut, 1, responseHead{Line: "HTTP/1.1 500 No", Headers: fields, Truncated: true}},
		"a line only":      {bare, 0, responseHead{Line: "HTTP/1.1 500", Headers: [][2]string{}}},
		"no room":          {without, 1, responseHead{NotKept: NotKeptBudget}},
		"two later ones":   {without, 2, responseHead{NotKept: NotKeptLater}},
		"delivered":        {delivered, 5, responseHead{NotKept: NotKeptDelivered}},
		"an older version": {older, 0, responseHead{NotKept: NotKeptOlder}},
		"no answer":        {unanswered, 0, responseHead{}},
	} {
		a := c.a
		a.Number = 1
		last := webhook.Attempt{Number: 1 + c.later}
		log := []webhook.Attempt{a, last}
		if c.later == 0 {
			log = log[:1]
		}
		if got := NewAttempts(log, true)[0].responseHead; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestNewRequest: a head and a body in the members of a request.
func TestNewRequest(t *testing.T) {
	got := NewRequest("https://a/b", "POST /b HTTP/1.1\r\nHost: a\r\nX: y: z\r\nEmpty: ", []byte(`{"n":12345678901234567890}`))
	want := &Request{
		Method: "POST", URL: "https://a/b", Headers: [][2]string{{"Host", "a"}, {"X", "y: z"}, {"Empty", ""}}, Body: "eyJuIjoxMjM0NTY3ODkwMTIzNDU2Nzg5MH0=",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
