package webhook

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

func identityOf(t *testing.T, document string) [16]byte {
	t.Helper()
	data, err := canonicaljson.Append(nil, []byte(document))
	if err != nil {
		t.Fatal(document, err)
	}
	e := Event{Type: "user.created", ClientID: "client", Data: data}
	return e.Identity()
}

// TestIdentityComparesAsJSON: members have no order at any depth, elements have.
func TestIdentityComparesAsJSON(t *testing.T) {
	for _, c := range []struct {
		why, a, b string
		same      bool
	}{
		{"members have no order", `{"a":1,"b":2}`, `{"b":2,"a":1}`, true},
		{"nor have they further down", `{"x":[{"a":{"c":1,"d":2},"b":2}]}`, `{"x":[{"b":2,"a":{"d":2,"c":1}}]}`, true},
		{"nor beside keys that are numbers", `{"b":1,"2":2,"a":3,"10":4}`, `{"10":4,"a":3,"2":2,"b":1}`, true},
		{"white space and escapes mean nothing", `{"\u0061":"\/","b":[]}`, "{\n\"b\": [ ], \"a\":\"/\"}", true},
		{"numbers are equal that are published alike", `{"n":1.0,"m":1e2}`, `{"m":100,"n":1}`, true},
		{"a key that another one begins with", `{"a":1,"a b":2,"a!":3}`, `{"a!":3,"a b":2,"a":1}`, true},
		{"elements have an order", `[1,2]`, `[2,1]`, false},
		{"members that are elements have one, too", `[{"a":1},{"b":2}]`, `[{"b":2},{"a":1}]`, false},
		{"values belong to their keys", `{"a":1,"b":2}`, `{"a":2,"b":1}`, false},
		{"a number is no string", `{"a":1}`, `{"a":"1"}`, false},
		{"numbers beyond a double are compared as written", `[1e400]`, `[10e399]`, false},
		{"nothing is not null", `{}`, `{"a":null}`, false},
	} {
		if got := identityOf(t, c.a) == identityOf(t, c.b); got != c.same {
			t.Errorf("%s: %s and %s: same is %v", c.why, c.a, c.b, got)
		}
	}
}

func TestIdentityCoversTypeAndClient(t *testing.T) {
	seen := map[[16]byte]Event{}
	for _, e := range []Event{
		{Type: "a", ClientID: "b", Data: []byte("1")},
		{Type: "ab", Data: []byte("1")},
		{ClientID: "ab", Data: []byte("1")},
		{Type: "a", ClientID: "b", Data: []byte("2")},
		{Type: "a", Data: []byte("1")},
	} {
		if other, twice := seen[e.Identity()]; twice {
			t.Errorf("%+v is the same as %+v", e, other)
		}
		seen[e.Identity()] = e
	}
	known := Event{Type: "a", Fingerprint: [16]byte{1}}
	if known.Identity() != known.Fingerprint {
		t.Error("what was computed before is computed again")
	}
}

// TestIdentityLeavesTheDataAlone: the data is shared.
func TestIdentityLeavesTheDataAlone(t *testing.T) {
	e := Event{Data: []byte(`{"b":1,"a":[{"d":1,"c":2}]}`)}
	before := string(e.Data)
	e.Identity()
	if string(e.Data) != before {
		t.Errorf("the data became %s", e.Data)
	}
}

func BenchmarkIdentity(b *testing.B) {
	e := Event{Type: "user.created", Data: typical}
	b.SetBytes(int64(len(typical)))
	b.ReportAllocs()
	for b.Loop() {
		e.Identity()
	}
}

// TestIdentityIsStable: fingerprints are stored, so these values must stay what they are. A
// server with others would take repetitions for new events for a day after its update.
func TestIdentityIsStable(t *testing.T) {
	for _, c := range []struct {
		e    Event
		want string
	}{
		{Event{}, "96a296d224f285c67bee93c30f8a3091"},
		{Event{Type: "user.created", Data: []byte(`{}`)}, "28d8a52531e90c1d634407d243ef0c75"},
		{Event{Type: "user.created", ClientID: "acme", Data: []byte(`{"b":[1,{"y":1,"x":2}],"a":"é"}`)}, "d82e4a6800360c247f580a99923afb3b"},
		{Event{Type: "a", Data: []byte(`{"2":1,"10":2,"b":1e400}`)}, "b07e56acba858a1ab2b400ab362d112a"},
	} {
		got := c.e.Identity()
		if hex.EncodeToString(got[:]) != c.want {
			t.Errorf("%q %q %s: %x", c.e.Type, c.e.ClientID, c.e.Data, got)
		}
	}
}

func TestRecipients(t *testing.T) {
	for _, c := range []struct {
		why string
		e   Event
		all []EndpointNumber
	}{
		{"nobody", Event{}, nil},
		{"queued only", Event{Endpoints: []EndpointNumber{1, 5}}, []EndpointNumber{1, 5}},
		{"disabled only", Event{Disabled: []EndpointNumber{2}}, []EndpointNumber{2}},
		{"limited only", Event{Limited: []EndpointNumber{3, 4}}, []EndpointNumber{3, 4}},
		{
			"all three, in one order",
			Event{Endpoints: []EndpointNumber{2, 9}, Disabled: []EndpointNumber{1, 7}, Limited: []EndpointNumber{3}},
			[]EndpointNumber{1, 2, 3, 7, 9},
		},
	} {
		if got := c.e.Recipients(); !slices.Equal(got, c.all) {
			t.Errorf("%s: %v, want %v", c.why, got, c.all)
		}
		for _, n := range c.all {
			want := ReasonNone
			switch {
			case slices.Contains(c.e.Disabled, n):
				want = ReasonEndpointDisabled
			case slices.Contains(c.e.Limited, n):
				want = ReasonClientLimit
			}
			if got := c.e.Withheld(n); got != want {
				t.Errorf("%s: endpoint %d is withheld for %q, want %q", c.why, n, got, want)
			}
		}
	}
}

// TestRecipientsLeavesTheListsAlone: storage reads them after the router has.
func TestRecipientsLeavesTheListsAlone(t *testing.T) {
	endpoints := append(make([]EndpointNumber, 0, 10), 4, 8)
	e := Event{Endpoints: endpoints, Disabled: []EndpointNumber{1}}
	e.Recipients()
	if !slices.Equal(e.Endpoints, []EndpointNumber{4, 8}) || !slices.Equal(e.Disabled, []EndpointNumber{1}) || endpoints[:3][2] != 0 {
		t.Errorf("the lists became %v and %v", endpoints[:3], e.Disabled)
	}
}

// TestReceipt: each kind of recipient is counted apart.
func TestReceipt(t *testing.T) {
	e := Event{ID: ID{Seq: 9}, Endpoints: []EndpointNumber{1, 2, 3}, Disabled: []EndpointNumber{4, 5}, Limited: []EndpointNumber{6}}
	if got := e.Receipt(); got != (Receipt{EventID: e.ID, Deliveries: 3, Disabled: 2, Limited: 1}) {
		t.Errorf("%+v", got)
	}
}
