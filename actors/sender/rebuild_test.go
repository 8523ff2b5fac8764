package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// stored returns a time as storage returns it.
func stored(a webhook.Attempt) webhook.Attempt {
	a.At = time.UnixMicro(a.At.UnixMicro()).UTC()
	return a
}

// TestRequestIsWhatWasSent: the request is made again to the byte, whatever is in it, with
// the values of the endpoint's own headers masked.
func TestRequestIsWhatWasSent(t *testing.T) {
	const key = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	for name, change := range map[string]func(*webhook.Endpoint){
		"plain": func(*webhook.Endpoint) {},
		"headers": func(e *webhook.Endpoint) {
			e.Headers = []webhook.CustomHeader{{Name: "aUTHORIZATION", Value: "Bearer s3cret"}, {Name: "X-Empty"}}
		},
		"rotated": func(e *webhook.Endpoint) {
			e.Secrets = append(e.Secrets, signing.Secret{Value: "whsec_" + strings.Repeat("A", 32), ExpiresAt: time.Now().Add(time.Hour)})
		},
		"a key pair": func(e *webhook.Endpoint) { e.Secrets = []signing.Secret{{Value: key}} },
	} {
		s := receivertest.Listen(t)
		c := newClient(t, Options{Version: "1.2.3", HeaderPrefix: "X-Acme"})
		e := endpoint(s.URL() + "hook?a=b")
		change(&e)
		target, err := c.Open(e, webhook.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		data := []byte(`{"n":12345678901234567890,"rtl":"` + "\u202e" + `<script>","big":"` + strings.Repeat("x", 256<<10) + `"}`)
		d := due("user.created", data)
		d.Delivery.Attempts = 4
		a := target.Send(d)
		wantAttempt(t, a, 200, webhook.ReasonNone)
		a.Number = 5
		head, body, ok := c.Request(e, d, stored(a))
		got := s.Requests()[0]
		want := got.Line
		for _, field := range got.Fields {
			if field == "aUTHORIZATION: Bearer s3cret" {
				field = "aUTHORIZATION: ***"
			}
			if field == "X-Empty: " {
				field += "***"
			}
			want += "\r\n" + field
		}
		if !ok || head != want || string(body) != string(got.Body) {
			t.Errorf("%s: %v\n%s\nwant\n%s\n(and %d bytes, want %d)", name, ok, head, want, len(body), len(got.Body))
		}
	}
}

// TestChangedRequestsAreNotShown: whatever would make another request now, nothing is
// shown. What does not matter to the request does not hide it.
func TestChangedRequestsAreNotShown(t *testing.T) {
	s := receivertest.Listen(t)
	e := endpoint(s.URL())
	e.Headers = []webhook.CustomHeader{{Name: "X-A", Value: "1"}}
	c := newClient(t, Options{Version: "1"})
	target, err := c.Open(e, webhook.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	d := due("user.created", []byte(`1`))
	a := stored(target.Send(d))
	a.Number = 1
	later := time.Now().Add(time.Hour)
	for name, change := range map[string]struct {
		change func(*webhook.Endpoint)
		shown  bool
	}{
		"nothing":          {func(*webhook.Endpoint) {}, true},
		"a pause":          {func(e *webhook.Endpoint) { e.Status, e.Revision = webhook.EndpointPaused, 99 }, true},
		"a description":    {func(e *webhook.Endpoint) { e.Description = "new" }, true},
		"the path":         {func(e *webhook.Endpoint) { e.TargetURL += "x" }, false},
		"the scheme":       {func(e *webhook.Endpoint) { e.TargetURL = strings.Replace(e.TargetURL, "http:", "https:", 1) }, false},
		"a header's value": {func(e *webhook.Endpoint) { e.Headers = []webhook.CustomHeader{{Name: "X-A", Value: "2"}} }, false},
		"no header":        {func(e *webhook.Endpoint) { e.Headers = nil }, false},
		"the secret":       {func(e *webhook.Endpoint) { e.Secrets = []signing.Secret{{Value: "another secret of 24"}} }, false},
		"its expiry":       {func(e *webhook.Endpoint) { e.Secrets = []signing.Secret{{Value: testSecret, ExpiresAt: later}} }, false},
		"one more secret": {func(e *webhook.Endpoint) {
			e.Secrets = append(e.Secrets[:1:1], signing.Secret{Value: testSecret + "A", ExpiresAt: later})
		}, false},
		"no secret":       {func(e *webhook.Endpoint) { e.Secrets = nil }, false},
		"another webhook": {func(e *webhook.Endpoint) { e.ID.Nonce++ }, false},
		"a broken URL":    {func(e *webhook.Endpoint) { e.TargetURL = "::" }, false},
	} {
		changed := e
		change.change(&changed)
		if head, body, ok := c.Request(changed, d, a); ok != change.shown || !ok && (head != "" || body != nil) {
			t.Errorf("%s: shown %v, want %v: %s", name, ok, change.shown, head)
		}
	}
	for name, o := range map[string]Options{"a new version": {Version: "2"}, "another prefix": {Version: "1", HeaderPrefix: "X-B"}} {
		if _, _, ok := newClient(t, o).Request(e, d, a); ok {
			t.Errorf("%s: the request is shown", name)
		}
	}
	a.SentAs = 0 // of an older version
	if _, _, ok := c.Request(e, d, a); ok {
		t.Error("the request of an attempt without fingerprint is shown")
	}
}

// TestConnectionIsNoted: what an attempt met on its way, over a connection of its own, a
// kept one, and where there was none.
func TestConnectionIsNoted(t *testing.T) {
	s := receivertest.Listen(t)
	slow := func(context.Context, string) ([]netip.Addr, error) {
		time.Sleep(20 * time.Millisecond)
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	c := newClient(t, Options{Resolve: slow, Guard: newGuard(t, guard.Options{Allow: prefixes("127.0.0.0/8")})})
	at := netip.MustParseAddrPort(strings.Trim(s.URL(), "htp:/"))
	target := open(t, c, strings.Replace(s.URL(), "127.0.0.1", "receiver.example", 1), webhook.Settings{})
	first, second := send(target), send(target)
	wantAttempt(t, first, 200, webhook.ReasonNone)
	wantAttempt(t, second, 200, webhook.ReasonNone)
	met := first.Connection
	if met.To != at || met.From.Addr() != at.Addr() || met.From.Port() == 0 || met.Reused || met.Proxied || met.TLS != 0 {
		t.Errorf("a new connection: %+v, want it to %s", met, at)
	}
	if met.DNS < 20*time.Millisecond || met.Connect <= 0 || met.FirstByte < met.DNS+met.Connect || met.FirstByte > first.Latency {
		t.Errorf("a new connection: %+v, of %s to the status line", met, first.Latency)
	}
	want := webhook.Connection{From: met.From, To: met.To, Reused: true, FirstByte: second.Connection.FirstByte}
	if second.Connection != want || want.FirstByte <= 0 || want.FirstByte > second.Latency {
		t.Errorf("a kept connection: %+v, want %+v", second.Connection, want)
	}
	if first.SentAs == 0 || first.SentAs != second.SentAs {
		t.Errorf("fingerprints %d, %d", first.SentAs, second.SentAs)
	}
}

// TestClosedConnectionIsNotNoted: a request that went out again over a new connection has
// met the new one.
func TestClosedConnectionIsNotNoted(t *testing.T) {
	s := receivertest.Listen(t)
	s.Always(receivertest.Then(receivertest.Answer(200)))
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	first := send(target)
	second := send(target)
	wantAttempt(t, second, 200, webhook.ReasonNone)
	if a, b := first.Connection, second.Connection; b.Reused || b.From == a.From || b.Connect <= 0 {
		t.Errorf("%+v after %+v", b, a)
	}
}

// TestTLSIsNoted: the handshake has its time, the one that fails too.
func TestTLSIsNoted(t *testing.T) {
	config, roots := tlsForTest(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := receivertest.Start(tls.NewListener(ln, config))
	t.Cleanup(s.Close)
	url := strings.Replace(s.URL(), "http:", "https:", 1)
	for _, c := range []struct {
		o    Options
		want webhook.Reason
	}{{Options{RootCAs: roots}, webhook.ReasonNone}, {Options{}, webhook.ReasonTLSAuthority}} {
		a := send(open(t, newClient(t, c.o), url, webhook.Settings{}))
		if met := a.Connection; a.Failure != c.want || met.TLS <= 0 || !met.From.IsValid() || !met.To.IsValid() || (met.FirstByte > 0) != (c.want == "") {
			t.Errorf("%s: %+v", a.Failure, met)
		}
	}
}

// TestNoConnectionIsNoted: an attempt that fails before a request has met what it came to.
func TestNoConnectionIsNoted(t *testing.T) {
	refuse := func(context.Context, string, netip.AddrPort) (net.Conn, error) { return nil, errors.New("refused") }
	none := func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }
	two := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}, nil
	}
	for name, c := range map[string]struct {
		o            Options
		url, to      string
		dns, connect bool
	}{
		"no name":            {Options{Resolve: none}, "http://a.example/", "", true, false},
		"a refused address":  {Options{}, "http://10.0.0.1/", "", false, false},
		"refused":            {Options{Dial: refuse}, "http://127.0.0.1:81/", "127.0.0.1:81", false, true},
		"refused everywhere": {Options{Dial: refuse, Resolve: two}, "http://a.example:81/", "127.0.0.2:81", true, true},
	} {
		a := send(open(t, newClient(t, c.o), c.url, webhook.Settings{}))
		met := a.Connection
		to := ""
		if met.To.IsValid() {
			to = met.To.String()
		}
		if a.Failure == "" || to != c.to || met.From.IsValid() || (met.DNS > 0) != c.dns || (met.Connect > 0) != c.connect || a.SentAs == 0 {
			t.Errorf("%s: %s after %+v", name, a.Failure, met)
		}
	}
}

// TestHeadsOfFailures: a failure keeps the response's head, a success only beside a long
// body, which storage keeps apart anyway.
func TestHeadsOfFailures(t *testing.T) {
	for _, c := range []struct {
		code, body int
		kept       bool
	}{{500, 0, true}, {302, 10, true}, {200, 10, false}, {200, webhook.MaxShortResponse, false}, {200, webhook.MaxShortResponse + 1, true}} {
		s := receivertest.Listen(t)
		s.Always(receivertest.With(c.code, strings.Repeat("b", c.body)))
		a := send(open(t, newClient(t, Options{}), s.URL(), webhook.Settings{}))
		wantAttempt(t, a, c.code, webhook.ReasonNone)
		if got := a.ResponseHead; (got != "") != c.kept || c.kept && !strings.Contains(got, "\nContent-Length: ") {
			t.Errorf("%d with %d bytes: %q", c.code, c.body, got)
		}
	}
}
