package auth

import (
	"errors"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

func newTestPrincipal(t testing.TB, client, scopes string) *Principal {
	t.Helper()
	p, err := newPrincipal(client, strings.Fields(scopes), "subject:x")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRights is the table of the package's doc comment.
func TestRights(t *testing.T) {
	type rights struct{ admin, manages, publishes, publishesToAll, seesAcme, seesGlobex bool }
	for _, c := range []struct {
		client, scopes string
		want           rights
		publisher      string
	}{
		{"", "", rights{}, "subject:x"},
		{"", "openid email", rights{}, "subject:x"},
		{"", ScopePublish, rights{}, "subject:x"},
		{"", ScopePublishAll, rights{publishes: true, publishesToAll: true}, "subject:x"},
		{"", ScopeAdmin, rights{true, true, true, true, true, true}, "subject:x"},
		{"acme", "", rights{manages: true, seesAcme: true}, "client:acme"},
		{"acme", "openid", rights{manages: true, seesAcme: true}, "client:acme"},
		{"acme", ScopePublish, rights{manages: true, publishes: true, seesAcme: true}, "client:acme"},
		{"acme", ScopePublishAll, rights{manages: true, publishes: true, publishesToAll: true, seesAcme: true}, "client:acme"},
		{"acme", ScopeAdmin, rights{true, true, true, true, true, true}, "subject:x"}, // the client is its home only
		{"globex", ScopePublish + " " + ScopePublishAll, rights{manages: true, publishes: true, publishesToAll: true, seesGlobex: true}, "client:globex"},
		{"acme", "ADMIN Events:write", rights{manages: true, seesAcme: true}, "client:acme"}, // scopes have one spelling
	} {
		p := newTestPrincipal(t, c.client, c.scopes)
		got := rights{p.IsAdmin(), p.Manages(), p.Publishes(), p.PublishesToAll(), p.Sees("acme"), p.Sees("globex")}
		if got != c.want || p.Publisher != c.publisher || p.Account != c.publisher {
			t.Errorf("client %q, scopes %q: %+v as %s, want %+v as %s", c.client, c.scopes, got, p.Publisher, c.want, c.publisher)
		}
		if p.Sees("") && !p.admin {
			t.Errorf("client %q, scopes %q: sees what belongs to no client", c.client, c.scopes)
		}
	}
	if home := newTestPrincipal(t, "acme", ScopeAdmin); home.Home != "acme" || home.ClientID != "" {
		t.Errorf("%+v", home)
	}
}

// TestNeeds admits callers to routes.
func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		client, scopes string
		admits         []Need
	}{
		{"", "", nil},
		{"", ScopePublish, nil},
		{"", ScopePublishAll, []Need{NeedToken, NeedPublish}},
		{"acme", "", []Need{NeedToken, NeedManage}},
		{"acme", ScopePublish, []Need{NeedToken, NeedManage, NeedPublish}},
		{"", ScopeAdmin, []Need{NeedToken, NeedManage, NeedPublish, NeedAdmin}},
	} {
		p := newTestPrincipal(t, c.client, c.scopes)
		admitted := map[Need]bool{}
		for _, n := range c.admits {
			admitted[n] = true
		}
		for _, n := range []Need{NeedToken, NeedManage, NeedPublish, NeedAdmin} {
			if ok, scope := n.Permits(p); ok != admitted[n] || scope == "" {
				t.Errorf("client %q, scopes %q, need %d: %v, scope %q", c.client, c.scopes, n, ok, scope)
			}
		}
	}
	// The scope to ask for is the smallest that helps.
	if _, scope := NeedPublish.Permits(newTestPrincipal(t, "acme", "")); scope != ScopePublish {
		t.Errorf("a client that cannot publish is told to ask for %s", scope)
	}
	if _, scope := NeedPublish.Permits(newTestPrincipal(t, "", ScopePublish)); scope != ScopePublishAll {
		t.Errorf("a publisher without a client is told to ask for %s", scope)
	}
}

// TestActingFor narrows callers to the client that a request names.
func TestActingFor(t *testing.T) {
	for _, c := range []struct {
		client, scopes, as string
		want               string // the publisher; "" for ErrOtherClient
		toAll              bool
	}{
		{"", ScopeAdmin, "acme", "client:acme", false},
		{"globex", ScopeAdmin, "acme", "client:acme", false},
		{"acme", "", "acme", "client:acme", false},
		{"acme", "", "globex", "", false},
		{"acme", ScopePublishAll, "acme", "client:acme", false},
		{"acme", ScopePublishAll, "globex", "", false},
		{"", ScopePublishAll, "acme", "", false},
	} {
		p := newTestPrincipal(t, c.client, c.scopes)
		before := *p
		acting, err := p.ActingFor(c.as)
		switch {
		case c.want == "":
			if !errors.Is(err, ErrOtherClient) {
				t.Errorf("%q %q as %q: %+v, %v", c.client, c.scopes, c.as, acting, err)
			}
		case err != nil:
			t.Errorf("%q %q as %q: %v", c.client, c.scopes, c.as, err)
		case acting.Publisher != c.want || acting.ClientID != c.as || acting.PublishesToAll() != c.toAll || acting.Account != p.Account:
			t.Errorf("%q %q as %q: %+v", c.client, c.scopes, c.as, acting)
		}
		if p.Publisher != before.Publisher || p.ClientID != before.ClientID || p.publisherAll != before.publisherAll {
			t.Errorf("%q %q: the shared principal was changed", c.client, c.scopes)
		}
	}
	var field *webhook.FieldError
	if _, err := newTestPrincipal(t, "", ScopeAdmin).ActingFor("a b"); !errors.As(err, &field) || field.Field != "client_id" {
		t.Errorf("a name with a space: %v", err)
	}
}

// TestValidClientID goes up to the bounds of ClientIDRule.
func TestValidClientID(t *testing.T) {
	for id, valid := range map[string]bool{
		"a": true, "acme": true, "~!@#": true, strings.Repeat("x", 128): true,
		"": false, strings.Repeat("x", 129): false, "a b": false, "a\tb": false, "a\x00": false, "a\x7f": false, "ä": false,
	} {
		if ValidClientID(id) != valid {
			t.Errorf("%.20q: valid is %v", id, !valid)
		}
	}
}
