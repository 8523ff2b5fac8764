package session

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
)

var errDisk = errors.New("disk")

// brokenStore fails in the named method.
type brokenStore struct {
	auth.Store
	broken string
	err    error
	extra  []webhook.Grant // that Grants returns besides
}

func (s *brokenStore) fails(method string) error {
	if s.broken == method {
		return s.err
	}
	return nil
}

func (s *brokenStore) Grants(ctx context.Context) ([]webhook.Grant, error) {
	list, err := s.Store.Grants(ctx)
	return append(list, s.extra...), errors.Join(err, s.fails("Grants"))
}

func (s *brokenStore) Grant(ctx context.Context, id string) (webhook.Grant, error) {
	if err := s.fails("Grant"); err != nil {
		return webhook.Grant{}, err
	}
	return s.Store.Grant(ctx, id)
}

func (s *brokenStore) CreateGrant(ctx context.Context, g webhook.Grant) error {
	if err := s.fails("CreateGrant"); err != nil {
		return err
	}
	return s.Store.CreateGrant(ctx, g)
}

func (s *brokenStore) RedeemGrant(ctx context.Context, link string, g webhook.Grant) error {
	if err := s.fails("RedeemGrant"); err != nil {
		return err
	}
	return s.Store.RedeemGrant(ctx, link, g)
}

func (s *brokenStore) DeleteGrant(ctx context.Context, id string) error {
	if err := s.fails("DeleteGrant"); err != nil {
		return err
	}
	return s.Store.DeleteGrant(ctx, id)
}

// scene is the calls on a store in memory, at a time that stands still.
type scene struct {
	*Sessions
	store   *brokenStore
	callers *auth.Authenticator
	who     *auth.Principal // whom Authenticate returns
	denied  error           // its error
	refused int             // links that were counted as refused
}

// inScene runs a test.
func inScene(t *testing.T, test func(t *testing.T, s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		memory := memstore.Open(memstore.Options{})
		defer func() { _ = memory.Close() }()
		s := &scene{store: &brokenStore{Store: memory}}
		key, err := auth.SecretKey("", authtest.Secret)
		if err != nil {
			t.Fatal(err)
		}
		s.callers, err = auth.New(auth.Options{
			Keys: []auth.Key{key}, CachedTokens: 10, Store: s.store, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.callers.Close()
		cursors, err := paging.Open(memory)
		if err != nil {
			t.Fatal(err)
		}
		s.Sessions = New(Options{
			Grants: s.callers.Grants(), Cursors: cursors, Version: "1.2.3",
			Authenticate: func(*fasthttp.RequestCtx) (*auth.Principal, error) { return s.who, s.denied },
			Refused:      func(*fasthttp.RequestCtx, error) { s.refused++ },
			Call:         func() (context.Context, context.CancelFunc) { return t.Context(), func() {} },
		})
		test(t, s)
	})
}

// caller returns who has a token with this client and scope, for an hour.
func (s *scene) caller(t *testing.T, subject, client, scope string) *auth.Principal {
	t.Helper()
	token := authtest.Mint(t, subject, client, scope, time.Now().Add(time.Hour))
	who, err := s.callers.Principal(t.Context(), []byte(token), at("192.0.2.7:1"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// post is a request with a body.
func post(body string, headers ...string) *fasthttp.RequestCtx {
	ctx := request(headers...)
	ctx.Request.SetBodyString(body)
	return ctx
}

// object returns the members of an answer.
func object(t *testing.T, ctx *fasthttp.RequestCtx) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal(ctx.Response.Body(), &out); err != nil {
		t.Fatalf("%s: %v", ctx.Response.Body(), err)
	}
	return out
}

// secretOf returns the secret in the cookie that an answer sets; "" if it sets none.
func secretOf(ctx *fasthttp.RequestCtx) string {
	var c fasthttp.Cookie
	if err := c.ParseBytes(ctx.Response.Header.PeekCookie(cookieName)); err != nil {
		return ""
	}
	return string(c.Value())
}

// enter signs the caller in, and returns it as the holder of its session.
func (s *scene) enter(t *testing.T, who *auth.Principal) *auth.Principal {
	t.Helper()
	s.who = who
	ctx := post("")
	if err := s.SignIn(ctx, auth.Anonymous); err != nil {
		t.Fatal(err)
	}
	return s.holder(t, secretOf(ctx))
}

// holder returns who presents the secret of a session; nil if it is refused.
func (s *scene) holder(t *testing.T, secret string) *auth.Principal {
	t.Helper()
	who, err := s.callers.Session(t.Context(), []byte(secret), at("192.0.2.7:1"), time.Now())
	if err != nil && !auth.IsRefusal(err) {
		t.Fatal(err)
	}
	return who
}

// fieldOf returns the field of an error; "" if it has none.
func fieldOf(err error) string {
	if f, ok := errors.AsType[*webhook.FieldError](err); ok {
		return f.Field
	}
	return problemOf(err).Field
}

// problemOf returns the problem that an error is; an empty one if it is none.
func problemOf(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	return &problem.Problem{}
}

// statusOf returns the status of a problem; 0 if the error is none.
func statusOf(err error) int { return problemOf(err).Status }
