package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// need is what a route asks of its caller.
type need int

// The needs.
const (
	needNothing need = iota // no token
	needToken               // any good token that may do something
	needManage              // a client's token, or admin
	needPublish             // scope events:write:all, or events:write and a client, or admin
	needAdmin               // scope admin
)

// permits tells whether the principal has what the need asks for; scope is what
// to ask the issuer for if not.
func (n need) permits(p *Principal) (ok bool, scope string) {
	switch n {
	case needManage:
		return p.manages(), ScopeAdmin
	case needPublish:
		if p.ClientID == "" {
			return p.publishes(), ScopePublishAll
		}
		return p.publishes(), ScopePublish
	case needAdmin:
		return p.admin, ScopeAdmin
	}
	return p.manages() || p.publishes(), ScopeAdmin
}

// authorise tells who makes a request, if that one may use the route.
func (s *Server) authorise(ctx *fasthttp.RequestCtx, r *route) (*Principal, error) {
	if r.need == needNothing {
		return nil, nil
	}
	token, ok := bearer(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization))
	if !ok {
		return nil, unauthenticated("")
	}
	who, err := s.principal(token, time.Now())
	if err != nil {
		s.refusals.add(err, func() []slog.Attr {
			return append([]slog.Attr{slog.String("address", ctx.RemoteAddr().String())}, describeToken(token)...)
		})
		if errors.Is(err, errIssuerKeys) {
			return nil, notNow(err)
		}
		return nil, unauthenticated(err.Error())
	}
	if ok, scope := r.need.permits(who); !ok {
		return nil, forbidden(scope, who)
	}
	if len(ctx.URI().QueryString()) == 0 {
		return who, nil
	}
	return actingFor(ctx.QueryArgs(), who)
}

// principal tells who has a token or an API key.
func (s *Server) principal(token []byte, now time.Time) (*Principal, error) {
	if bytes.HasPrefix(token, []byte(apiKeyPrefix)) {
		return s.apiKeys.principal(token, now)
	}
	return s.tokens.Load().principal(s.base, token, now)
}

// bearer takes the token out of an Authorization header (RFC 6750, section 2.1).
func bearer(header []byte) ([]byte, bool) {
	const scheme = "bearer "
	if len(header) <= len(scheme) || !bytes.EqualFold(header[:len(scheme)], []byte(scheme)) {
		return nil, false
	}
	token := bytes.TrimSpace(header[len(scheme):])
	return token, len(token) > 0
}

// actingFor obeys client_id in the query: an administrator acts for that client,
// all others can name none but themselves.
func actingFor(query *fasthttp.Args, who *Principal) (*Principal, error) {
	if !query.Has("client_id") {
		return who, nil
	}
	id := string(query.Peek("client_id"))
	switch {
	case !validClientID(id):
		return nil, invalid("client_id", clientIDRule)
	case who.admin:
		return who.as(id), nil
	case id != who.ClientID:
		return nil, notYourClient()
	case who.publisherAll:
		return who.as(id), nil
	}
	return who, nil
}

// notNow is the error of a token that cannot be judged until the issuer answers.
func notNow(err error) error {
	p := newProblem(codeUnavailable, "the token cannot be verified now: the keys of its issuer cannot be read; try again later")
	p.cause, p.retryAfter = err, defaultRetryAfter
	if later, ok := errors.AsType[*webhook.RetryAfterError](err); ok {
		p.retryAfter = later.After
	}
	return p
}

func unauthenticated(reason string) error {
	p := newProblem(codeUnauthenticated, "a bearer token or an API key is needed")
	p.challenge = `Bearer realm="astrohook"`
	if reason != "" {
		p.Detail = "the token or API key is not valid, or not any more"
		p.challenge += `, error="invalid_token"`
		p.cause = fmt.Errorf("refused token: %s", reason)
	}
	return p
}

// forbidden is the error of a caller who lacks a scope.
func forbidden(scope string, who *Principal) error {
	p := newProblem(codeForbidden, "the token or API key does not allow this call, which needs the scope "+scope)
	if who.publisher && who.ClientID == "" {
		p.Detail = "the scope " + ScopePublish + " publishes to the client that the token or API key names, and it names none: " +
			"give it a client_id, or the scope " + ScopePublishAll + " to publish to every client"
	}
	p.challenge = fmt.Sprintf(`Bearer realm="astrohook", error="insufficient_scope", scope="%s"`, scope)
	return p
}

func notYourClient() error {
	p := newProblem(codeForbidden, "client_id is not the token's or API key's own")
	p.Field = "client_id"
	return p
}
