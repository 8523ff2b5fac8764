package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
)

// countingStore counts the reads of grants, and fails on command.
type countingStore struct {
	GrantStore
	reads int
	err   error
}

func (s *countingStore) Grant(ctx context.Context, id string) (webhook.Grant, error) {
	s.reads++
	if s.err != nil {
		return webhook.Grant{}, s.err
	}
	return s.GrantStore.Grant(ctx, id)
}

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func newGrants(t *testing.T, keys ...webhook.APIKey) (*Grants, *countingStore) {
	t.Helper()
	memory := memstore.Open(memstore.Options{})
	t.Cleanup(func() { _ = memory.Close() })
	store := &countingStore{GrantStore: memory}
	grants, err := openGrants(store, newAPIKeys(t, keys...))
	if err != nil {
		t.Fatal(err)
	}
	return grants, store
}

// issued stores a grant that is good from noon for an hour, and returns its secret.
func issued(t *testing.T, grants *Grants, g webhook.Grant) string {
	t.Helper()
	g.CreatedAt, g.ExpiresAt = noon, noon.Add(time.Hour)
	secret := grants.Issue(&g)
	if err := grants.Store().CreateGrant(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	return secret
}

// TestGrantSecrets: a secret is good as it was issued, in its kind and its time.
func TestGrantSecrets(t *testing.T) {
	grants, store := newGrants(t)
	session := issued(t, grants, webhook.Grant{Kind: webhook.GrantSession, ClientID: "acme", Subject: "subject:alice"})
	link := issued(t, grants, webhook.Grant{Kind: webhook.GrantLink, ClientID: "acme"})
	who, err := grants.session(t.Context(), session, noon)
	if err != nil || who.ClientID != "acme" || who.Publisher != "client:acme" || who.Session == nil || who.InPortal() {
		t.Fatalf("%+v, %v", who, err)
	}
	if l, err := grants.Link(t.Context(), webhook.GrantLink, link, noon.Add(time.Hour-1)); err != nil || l.ClientID != "acme" {
		t.Fatalf("%+v, %v", l, err)
	}
	for what, c := range map[string]struct {
		secret string
		at     time.Time
		want   error
	}{
		"a link":      {link, noon, errGrant},
		"expired":     {session, noon.Add(time.Hour), errGrantExpired},
		"nothing":     {"", noon, errGrant},
		"cut":         {session[:len(session)-1], noon, errGrant},
		"longer":      {session + "A", noon, errGrant},
		"as a link's": {SessionPrefix + link[len(LinkPrefix):], noon, errGrant},
		"another ID":  {SessionPrefix + strings.Repeat("a", grantID) + session[len(SessionPrefix)+grantID:], noon, errGrant},
		"other bytes": {session[:30] + "AA" + session[32:], noon, errGrant},
	} {
		if _, err := grants.session(t.Context(), c.secret, c.at); !errors.Is(err, c.want) || !IsRefusal(err) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	// What was never issued here costs no read.
	store.reads = 0
	for i := range len(session) {
		changed := []byte(session)
		changed[i] ^= 1
		if _, err := grants.session(t.Context(), string(changed), noon); !errors.Is(err, errGrant) {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	if store.reads != 0 {
		t.Errorf("%d reads of what was never issued", store.reads)
	}
}

// TestGrantsOfAnotherServer: a secret is good where its store is, and nowhere else.
func TestGrantsOfAnotherServer(t *testing.T) {
	one, store := newGrants(t)
	secret := issued(t, one, webhook.Grant{Kind: webhook.GrantSession, Scopes: []string{ScopeAdmin}, Subject: "subject:root"})
	second, err := openGrants(store, newAPIKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	if who, err := second.session(t.Context(), secret, noon); err != nil || !who.IsAdmin() {
		t.Errorf("on another node: %+v, %v", who, err)
	}
	other, _ := newGrants(t)
	if _, err := other.session(t.Context(), secret, noon); !errors.Is(err, errGrant) {
		t.Errorf("on another server: %v", err)
	}
	store.err = webhook.ErrUnavailable
	if _, err := one.session(t.Context(), secret, noon); !errors.Is(err, webhook.ErrUnavailable) || IsRefusal(err) {
		t.Errorf("while the store cannot be reached: %v", err)
	}
}

// TestHolder: a session does what its credential may, read-only ones read, and none outlives
// the API key that it came from.
func TestHolder(t *testing.T) {
	key := webhook.APIKey{ID: "k", Scopes: []string{ScopeAdmin}, ExpiresAt: noon.Add(30 * time.Minute)}
	grants, _ := newGrants(t, key)
	holder := func(g webhook.Grant, at time.Time) (*Principal, error) {
		return grants.session(t.Context(), issued(t, grants, g), at)
	}
	of := grants.keys.List()[0].who.Grant(false)
	if who, err := holder(of, noon); err != nil || !who.IsAdmin() || who.ReadOnly() || who.By() != "session:"+who.Session.ID || who.Account != "key:k" {
		t.Errorf("%+v, %v", who, err)
	}
	if who, err := holder(grants.keys.List()[0].who.Grant(true), noon); err != nil || !who.IsAdmin() || !who.ReadOnly() {
		t.Errorf("read-only: %+v, %v", who, err)
	}
	if _, err := holder(of, key.ExpiresAt); !errors.Is(err, errGrantExpired) {
		t.Errorf("after the key: %v", err)
	}
	portal := webhook.Grant{Kind: webhook.GrantSession, Parent: "link", KeyID: "k", ClientID: "acme", Subject: "portal:link"}
	if who, err := holder(portal, noon); err != nil || who.IsAdmin() || !who.InPortal() || who.ClientID != "acme" || who.Publishes() {
		t.Errorf("a portal of an administrator's link: %+v, %v", who, err)
	}
	if err := grants.keys.Remove(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	for _, g := range []webhook.Grant{of, portal} {
		if _, err := holder(g, noon); !errors.Is(err, errGrant) {
			t.Errorf("%+v without its key: %v", g, err)
		}
		g.CreatedAt, g.ExpiresAt = noon, noon.Add(time.Hour)
		if grants.Works(&g, noon) {
			t.Errorf("%+v works without its key", g)
		}
	}
}

// TestNeedsOfSessions: what a portal's session, and a reader, are admitted to.
func TestNeedsOfSessions(t *testing.T) {
	session := func(g webhook.Grant, scopes ...string) *Principal {
		client := ""
		if g.Parent != "" {
			client = "acme"
		}
		who, err := newPrincipal(client, scopes, "subject:x")
		if err != nil {
			t.Fatal(err)
		}
		return who.in(&g)
	}
	portal, reader, operator := session(webhook.Grant{Parent: "link"}), session(webhook.Grant{}, ScopeAdmin, ScopeRead), session(webhook.Grant{}, ScopeAdmin)
	for need, want := range map[Need][3]bool{ // portal, reader, operator
		NeedCaller: {true, true, true}, NeedToken: {true, true, true}, NeedManage: {true, true, true}, NeedDelegate: {false, true, true},
		NeedPublish: {false, true, true}, NeedAdmin: {false, true, true}, NeedSecrets: {false, false, true},
	} {
		for i, who := range []*Principal{portal, reader, operator} {
			if ok, _ := need.Permits(who); ok != want[i] {
				t.Errorf("need %d admits %d: %v", need, i, ok)
			}
		}
	}
	if who, err := newPrincipal("", []string{ScopeRead}, "subject:x"); err != nil || who.Manages() || who.Publishes() {
		t.Errorf("read alone allows something: %+v, %v", who, err)
	}
}
