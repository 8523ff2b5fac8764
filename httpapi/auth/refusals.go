package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// refusalGap is the least time between two log lines about one reason.
const refusalGap = time.Minute

// Refusals shows the operator why tokens and API keys are refused; the callers learn
// no more than that they are. It writes one log line for each reason and minute, with
// a count, so that a broken client cannot flood the log. The reasons are a closed
// set, since they are labels of a metric. It is safe for concurrent use.
type Refusals struct {
	log     *slog.Logger
	counter *prometheus.CounterVec

	mu      sync.Mutex
	closed  bool
	reasons map[string]*refusal
}

// refusal is a reason that was logged within the last refusalGap.
type refusal struct {
	timer *time.Timer
	more  int         // refusals since the last line
	next  []slog.Attr // describes the first of them
}

// NewRefusals returns a Refusals and registers its metric.
func NewRefusals(log *slog.Logger, r prometheus.Registerer) (*Refusals, error) {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "astrohook_tokens_refused_total",
		Help: "Tokens and API keys refused, by reason.",
	}, []string{"reason"})
	if err := r.Register(counter); err != nil {
		return nil, fmt.Errorf("register metrics of refused tokens: %w", err)
	}
	// From the start, or a rate would miss what is refused before the first scrape. Those of
	// claims are left out: each claim has a reason of its own.
	counter.WithLabelValues(malformed)
	for _, r := range refusalReasons {
		counter.WithLabelValues(r.reason)
	}
	return &Refusals{log: log, counter: counter, reasons: map[string]*refusal{}}, nil
}

// Add records a refusal. describe returns what is known of the caller; Add calls it
// only for the first refusal that a line counts, as describing costs more than
// counting. The result must not contain the credential.
func (r *Refusals) Add(err error, describe func() []slog.Attr) {
	reason := refusalReason(err)
	r.counter.WithLabelValues(reason).Inc()
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.reasons[reason]; known != nil {
		known.more++
		if known.next == nil {
			known.next = describe()
		}
		return
	}
	r.write(reason, 1, describe())
	if r.closed {
		return
	}
	known := &refusal{}
	known.timer = time.AfterFunc(refusalGap, func() { r.again(reason) })
	r.reasons[reason] = known
}

// again writes the line about the refusals of the last refusalGap. If there were
// none, the reason is forgotten, and its next refusal is logged at once.
func (r *Refusals) again(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.reasons[reason]
	if known == nil {
		return
	}
	if known.more == 0 {
		delete(r.reasons, reason)
		return
	}
	r.write(reason, known.more, known.next)
	known.more, known.next = 0, nil
	known.timer.Reset(refusalGap)
}

// Close writes what was counted and not written yet. Later refusals are written at
// once, each on a line of its own. It can be called again.
func (r *Refusals) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for reason, known := range r.reasons {
		known.timer.Stop()
		if known.more > 0 {
			r.write(reason, known.more, known.next)
		}
		delete(r.reasons, reason)
	}
}

func (r *Refusals) write(reason string, count int, of []slog.Attr) {
	r.log.LogAttrs(context.Background(), slog.LevelInfo, "token refused",
		append([]slog.Attr{slog.String("reason", reason), slog.Int("count", count)}, of...)...)
}

// malformed is the reason of what is neither token nor API key.
const malformed = "malformed"

// refusalReasons are the reasons by the errors that they stand for. The first match
// counts: the library's errors wrap one another, from the special to the general.
var refusalReasons = []struct {
	err    error
	reason string
}{
	{errAPIKeyExpired, "api_key_expired"},
	{errAPIKey, "api_key_unknown"},
	{errGrantExpired, "session_expired"},
	{errGrant, "session_unknown"},
	{ErrIssuerKeys, "issuer_keys_not_read"},
	{errTokenLength, "too_long"},
	{errCritical, "critical_header"},
	{errKeyID, "bad_kid"},
	{errNoKey, "unknown_key"},
	{jwt.ErrTokenExpired, "expired"},
	{jwt.ErrTokenRequiredClaimMissing, "claim_missing"},
	{jwt.ErrTokenNotValidYet, "not_valid_yet"},
	{jwt.ErrTokenInvalidIssuer, "wrong_issuer"},
	{jwt.ErrTokenInvalidAudience, "wrong_audience"},
	{jwt.ErrTokenSignatureInvalid, "bad_signature"},
	{jwt.ErrTokenUnverifiable, "unknown_algorithm"},
}

// refusalReason returns the reason that an error stands for. A claim that is wrong is
// named in it.
func refusalReason(err error) string {
	if wrong, ok := errors.AsType[*claimError](err); ok {
		return "bad_claim_" + wrong.name
	}
	for _, r := range refusalReasons {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return malformed
}

// maxDescribed bounds what is logged of a value that came from outside, in bytes.
const maxDescribed = 64

// describe returns whose token or API key a refused credential claims to be, as
// attributes for the log. Nothing of that is verified, and the credential itself is
// not part of it.
func describe(text []byte) []slog.Attr {
	if id, ok := apiKeyIDOf(text); ok {
		return []slog.Attr{slog.String("key", printable(string(id)))}
	}
	parts := strings.SplitN(string(text[:min(len(text), maxToken)]), ".", 3)
	if len(parts) != 3 {
		return nil
	}
	attrs := describeMembers(nil, parts[0], "alg", "kid")
	return describeMembers(attrs, parts[1], "iss", "sub", "client_id")
}

// describeMembers appends those members of a token's part that are strings.
func describeMembers(attrs []slog.Attr, part string, names ...string) []slog.Attr {
	var members map[string]any
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || json.Unmarshal(text, &members) != nil {
		return attrs
	}
	for _, name := range names {
		if value, is := members[name].(string); is {
			attrs = append(attrs, slog.String(name, printable(value)))
		}
	}
	return attrs
}

// printable shortens a text to maxDescribed bytes, at a character's start, and
// replaces what is not printable ASCII: a token must not write terminal codes or
// lines of its own into the log.
func printable(text string) string {
	if len(text) > maxDescribed {
		text = strings.ToValidUTF8(text[:maxDescribed], "") + "..."
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
}
