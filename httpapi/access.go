package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/session"
	"github.com/corpastro/astrohook/webhook"
)

// authorise returns who makes a request, if the route admits that caller; nil for a
// route that admits everybody.
func (s *Server) authorise(ctx *fasthttp.RequestCtx, r *route) (*auth.Principal, error) {
	if r.need == auth.NeedNothing {
		return nil, nil
	}
	if r.need == auth.NeedSignIn {
		return signIn(ctx)
	}
	who, err := s.caller(ctx, r)
	if err != nil {
		return nil, err
	}
	if ok, scope := r.need.Permits(who); !ok {
		return nil, forbidden(scope, who)
	}
	if who.ReadOnly() && r.changes() && r.need != auth.NeedCaller {
		return nil, readOnly(who)
	}
	if len(ctx.URI().QueryString()) == 0 { // parsing the query costs allocations
		return who, nil
	}
	return actingFor(ctx.QueryArgs(), who)
}

// maxSignIn bounds the body of a call that signs in, in bytes: nobody knows the caller yet.
const maxSignIn = 8 << 10

// signIn returns who is charged for a call that signs in. A body of unknown length counts
// as too large.
func signIn(ctx *fasthttp.RequestCtx) (*auth.Principal, error) {
	if n := ctx.Request.Header.ContentLength(); n > maxSignIn || n == -1 {
		return nil, problem.New(problem.TooLarge, fmt.Sprintf("the body of a call that signs in has at most %d bytes, and says how many", maxSignIn))
	}
	return auth.Anonymous, nil
}

// changes reports whether the call changes something: those of an administrator that are
// posted change it even if they have no body.
func (r *route) changes() bool { return r.method != fasthttp.MethodGet }

// caller returns who makes a request: by its token or API key if it has one, or else by its
// session.
func (s *Server) caller(ctx *fasthttp.RequestCtx, r *route) (*auth.Principal, error) {
	if len(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization)) > 0 {
		return s.byCredential(ctx)
	}
	secret, ok := session.Cookie(ctx)
	if !ok {
		return nil, unauthenticated("")
	}
	if r.changes() && s.sessions.OriginOf(ctx) != session.OriginOwn {
		return nil, session.ForeignOrigin()
	}
	who, err := s.callers.Session(s.base, secret, ctx.RemoteAddr(), time.Now())
	if auth.IsRefusal(err) {
		return nil, unauthenticated(err.Error())
	}
	return who, err
}

// byCredential returns who makes a request by its token or API key.
func (s *Server) byCredential(ctx *fasthttp.RequestCtx) (*auth.Principal, error) {
	credential, ok := bearer(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization))
	if !ok {
		return nil, unauthenticated("")
	}
	who, err := s.callers.Principal(s.base, credential, ctx.RemoteAddr(), time.Now())
	if errors.Is(err, auth.ErrIssuerKeys) {
		return nil, notNow(err)
	}
	if err != nil {
		return nil, unauthenticated(err.Error())
	}
	return who, nil
}

// signingIn is byCredential for the call that makes a session: whoever may do nothing gets
// none.
func (s *Server) signingIn(ctx *fasthttp.RequestCtx) (*auth.Principal, error) {
	who, err := s.byCredential(ctx)
	if err != nil {
		return nil, err
	}
	if ok, scope := auth.NeedToken.Permits(who); !ok {
		return nil, forbidden(scope, who)
	}
	return who, nil
}

// readOnly is the error of a caller with the scope read that asks for a change.
func readOnly(who *auth.Principal) error {
	p := problem.New(problem.Forbidden, "the scope "+auth.ScopeRead+" allows no call that changes something")
	if who.Session != nil {
		p.Detail = "this session may read, and change nothing"
	}
	p.Challenge = problem.ScopeChallenge("")
	return p
}

// bearer returns the token in an Authorization header (RFC 6750, section 2.1).
func bearer(header []byte) ([]byte, bool) {
	const scheme = "bearer "
	if len(header) <= len(scheme) || !bytes.EqualFold(header[:len(scheme)], []byte(scheme)) {
		return nil, false
	}
	token := bytes.TrimSpace(header[len(scheme):])
	return token, len(token) > 0
}

// actingFor applies client_id of the query: an administrator acts for that client,
// and all others can name only themselves.
func actingFor(query *fasthttp.Args, who *auth.Principal) (*auth.Principal, error) {
	if !query.Has("client_id") {
		return who, nil
	}
	acting, err := who.ActingFor(string(query.Peek("client_id")))
	if errors.Is(err, auth.ErrOtherClient) {
		return nil, notYourClient()
	}
	return acting, err
}

// notNow is the error of a token that cannot be judged until the issuer answers. Its
// status is 503 and not 401: the caller's token may be good, and clients throw away a
// token that got 401.
func notNow(err error) error {
	p := problem.New(problem.Unavailable, "the token cannot be verified now: the keys of its issuer cannot be read; try again later")
	p.Cause, p.RetryAfter = err, problem.DefaultRetryAfter
	if later, ok := errors.AsType[*webhook.RetryAfterError](err); ok {
		p.RetryAfter = later.After
	}
	return p
}

// unauthenticated is the error of a request without a credential, or with one that
// was refused for this reason. The caller does not learn the reason.
func unauthenticated(reason string) error {
	p := problem.New(problem.Unauthenticated, "a bearer token, an API key or a session is needed")
	p.Challenge = problem.Challenge
	if reason != "" {
		p.Detail = "the token, API key or session is not valid, or not any more"
		p.Challenge += `, error="invalid_token"`
		p.Cause = fmt.Errorf("refused token: %s", reason)
	}
	return p
}

// forbidden is the error of a caller who lacks a scope (RFC 6750, section 3.1).
func forbidden(scope string, who *auth.Principal) error {
	p := problem.New(problem.Forbidden, "the token or API key does not allow this call, which needs the scope "+scope)
	if who.PublishesToNobody() {
		p.Detail = "the scope " + auth.ScopePublish + " publishes to the client that the token or API key names, and it names none: " +
			"give it a client_id, or the scope " + auth.ScopePublishAll + " to publish to every client"
	}
	p.Challenge = problem.ScopeChallenge(scope)
	return p
}

// notYourClient is the error of a caller who names a client that it may not act for.
func notYourClient() error {
	p := problem.New(problem.Forbidden, "client_id is not the token's or API key's own")
	p.Field = "client_id"
	return p
}

// maxReplays bounds the replays of one caller that run at the same time: each of
// them writes to storage without a pause.
const maxReplays = 4

// underWay bounds the requests and replays that callers have running, each caller and
// all together.
type underWay struct {
	// requests are those that were authorised and not answered yet.
	requests *webhook.Shares
	replays  *inUse
}

func newUnderWay(connections int) underWay {
	return underWay{requests: webhook.NewShares(int64(connections)), replays: newInUse(maxReplays)}
}

// begin charges a request to its caller. The caller of begin must call end when the
// request is answered.
func (u *underWay) begin(who *auth.Principal) error {
	if err := u.requests.Take(who.Account, 1); err != nil {
		return crowdedOut(err, "requests are under way")
	}
	return nil
}

// end ends what begin began.
func (u *underWay) end(who *auth.Principal) { u.requests.Give(who.Account, 1) }

// crowdedOut is the error of a caller who holds its whole share of something, or who
// comes when all of it is held. what names the thing, and continues "too many".
func crowdedOut(err error, what string) *problem.Problem {
	p := problem.New(problem.Unavailable, "too many "+what)
	if errors.Is(err, webhook.ErrShareUsed) {
		p = problem.New(problem.TooMany, fmt.Sprintf("too many of this caller's %s; send again when some are done", what))
	}
	p.RetryAfter, p.Cause = problem.DefaultRetryAfter, err
	return p
}

// inUse counts how many of something each account has in use, up to a limit.
type inUse struct {
	limit int
	mu    sync.Mutex
	of    map[string]int // by account; accounts with none are absent
}

func newInUse(limit int) *inUse { return &inUse{limit: limit, of: map[string]int{}} }

// take adds one for the account, unless it has as many as the limit allows.
func (u *inUse) take(account string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[account] >= u.limit {
		return false
	}
	u.of[account]++
	return true
}

// give removes one that take added.
func (u *inUse) give(account string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[account]--; u.of[account] <= 0 {
		delete(u.of, account)
	}
}
