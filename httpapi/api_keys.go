package httpapi

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// optional is a member of a JSON body that may be absent or null.
type optional[T any] = jsonbody.Optional[T]

// maxKeyName bounds the name of an API key, in characters. Storage keeps all names, and
// pages of lists show them.
const maxKeyName = 100

// apiKeyResource is an API key as the API shows it. The hash of its secret is not shown:
// nobody needs it.
type apiKeyResource struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	ClientID  string   `json:"client_id,omitzero"`
	Scopes    []string `json:"scopes"`
	CreatedAt string   `json:"created_at"`
	ExpiresAt string   `json:"expires_at,omitzero"`
	// Key is the text to call with, in the answer that made it only.
	Key string `json:"key,omitzero"`
}

// showAPIKey returns an API key as lists have it, without its text.
func showAPIKey(k *webhook.APIKey) apiKeyResource {
	r := apiKeyResource{
		ID: k.ID, Name: k.Name, ClientID: k.ClientID, Scopes: slices.Clone(k.Scopes),
		CreatedAt: webhook.FormatTime(k.CreatedAt),
	}
	if r.Scopes == nil { // an empty list is [], not null
		r.Scopes = []string{}
	}
	if !k.ExpiresAt.IsZero() {
		r.ExpiresAt = webhook.FormatTime(k.ExpiresAt)
	}
	return r
}

// apiKeyInput is the body that makes an API key. The server chooses ID and secret, so
// that nobody can bring a weak one.
type apiKeyInput struct {
	Name      optional[string]   `json:"name"`
	ClientID  optional[string]   `json:"client_id"`
	Scopes    optional[[]string] `json:"scopes"`
	ExpiresAt optional[string]   `json:"expires_at"`
}

// apiKey checks the input and returns the key that it describes, without ID and hash.
// who is the administrator who makes the key.
func (in *apiKeyInput) apiKey(who *auth.Principal, now time.Time) (webhook.APIKey, error) {
	k := webhook.APIKey{
		Name: in.Name.Value, Scopes: in.Scopes.Value, CreatedAt: now.UTC().Truncate(time.Millisecond),
	}
	var f jsonbody.Faults
	switch n := utf8.RuneCountInString(k.Name); {
	case strings.TrimSpace(k.Name) == "":
		f.Add(problem.OfField("name", "is missing: it says what the key is for"))
	case n > maxKeyName:
		f.Add(problem.OfField("name", fmt.Sprintf("is longer than %d characters", maxKeyName)))
	}
	var err error
	k.ClientID, err = in.client(who)
	f.Add(err)
	f.Add(checkScopes(k.Scopes, k.ClientID))
	k.ExpiresAt, err = exchange.ParseTime("expires_at", in.ExpiresAt.Value)
	f.Add(err)
	k.ExpiresAt = k.ExpiresAt.Truncate(time.Millisecond) // as precise as it is stored and shown
	if in.ExpiresAt.Given() && err == nil && !k.ExpiresAt.After(now) {
		f.Add(problem.OfField("expires_at", "is not in the future"))
	}
	return k, f.Err()
}

// client returns the client that the key is for: the one in the body, or the one that
// the administrator acts for.
func (in *apiKeyInput) client(who *auth.Principal) (string, error) {
	named := in.ClientID.Value
	switch {
	case !in.ClientID.Given():
		return who.ClientID, nil
	case !auth.ValidClientID(named):
		return "", problem.OfField("client_id", auth.ClientIDRule)
	// An administrator who acts for a client makes keys for that client only: client_id=
	// in the query narrows the whole call.
	case who.ClientID != "" && named != who.ClientID:
		return "", notYourClient()
	}
	return named, nil
}

// checkScopes refuses scopes without a meaning. A token may have such scopes, because
// its issuer knows other services; a key is made for this server only, so that an
// unknown scope is a mistake.
func checkScopes(scopes []string, clientID string) error {
	for i, scope := range scopes {
		if reason := scopeFault(scope, clientID); reason != "" {
			return problem.OfField(fmt.Sprintf("scopes[%d]", i), reason)
		}
		if slices.Contains(scopes[:i], scope) {
			return problem.OfField(fmt.Sprintf("scopes[%d]", i), "is given twice")
		}
	}
	// A client's key without scopes manages its webhooks; without a client too, nothing.
	if clientID == "" && !slices.ContainsFunc(scopes, func(scope string) bool { return scope != auth.ScopeRead }) {
		return problem.OfField("scopes", "are missing, and client_id too: the key would allow nothing; to read everything it needs admin and read")
	}
	return nil
}

// scopeFault says why a key of this client, or of none, cannot have a scope; "" means
// that it can.
func scopeFault(scope, clientID string) string {
	switch scope {
	case auth.ScopeAdmin:
		if clientID != "" {
			return "cannot be admin in a key of one client: it would open all of them"
		}
	case auth.ScopePublishAll:
		if clientID != "" {
			return "cannot be events:write:all in a key of one client: it would publish to all of them; events:write publishes to that one"
		}
	case auth.ScopePublish:
		if clientID == "" {
			return "cannot be events:write in a key without client_id: it would publish to no client; events:write:all publishes to every one"
		}
	case auth.ScopeRead:
	default:
		return "must be events:write, events:write:all, admin or read"
	}
	return ""
}

// createAPIKey makes an API key. Its text is in this answer and nowhere else.
func (s *Server) createAPIKey(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	var in apiKeyInput
	if err := exchange.Decode(ctx, &in); err != nil {
		return err
	}
	k, err := in.apiKey(who, time.Now())
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	k, text, err := s.callers.APIKeys().Create(call, k)
	if err != nil {
		return err
	}
	// The key is stored, and no later answer shows its text: this one shows it, even if
	// another node may refuse the key for a moment.
	if err := s.inForce(call); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "API key is not known to every node yet", slog.String("key", k.ID), slog.Any("error", err))
	}
	out := showAPIKey(&k)
	audit.Of(ctx).About(k.ID, k.ClientID).Compare(nil, out)
	out.Key = text
	return exchange.Answer(ctx, fasthttp.StatusCreated, out)
}

// listAPIKeys lists the API keys by ID: all, or those of the client that the
// administrator acts for.
func (s *Server) listAPIKeys(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	limit, err := exchange.Limit(ctx)
	if err != nil {
		return err
	}
	of, after := exchange.Listing(paging.APIKeys, who), ""
	if cursor := exchange.Parameter(ctx, "cursor"); cursor != "" {
		place, err := s.cursors.Read(of, cursor)
		if err != nil {
			return err
		}
		after = string(place)
	}
	out := exchange.Page[apiKeyResource]{Data: []apiKeyResource{}}
	for _, k := range s.callers.APIKeys().List() {
		if k.ID <= after || !who.Sees(k.ClientID) {
			continue
		}
		if len(out.Data) == limit {
			// One more key exists, so there is a next page, which begins after the last key.
			out.NextCursor = s.cursors.Write(of, []byte(out.Data[limit-1].ID))
			break
		}
		out.Data = append(out.Data, showAPIKey(&k.APIKey))
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// deleteAPIKey revokes an API key: it is refused from this answer on, by every node.
func (s *Server) deleteAPIKey(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	k, err := s.callers.APIKeys().Get(exchange.Path(ctx, "id"), who)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	if err := s.callers.APIKeys().Remove(call, k.ID); err != nil {
		return err
	}
	audit.Of(ctx).About(k.ID, k.ClientID).Compare(showAPIKey(&k.APIKey), nil)
	if err := s.inForce(call); err != nil {
		return err
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}
