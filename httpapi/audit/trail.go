package audit

import (
	"context"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

// Store keeps the entries. The methods are those of storage.Audit.
type Store interface {
	AppendAudit(ctx context.Context, e audit.Entry) error
	ListAudit(ctx context.Context, q audit.Query) (audit.Page, error)
}

// Options are the parts of a Trail. All are needed.
type Options struct {
	Store    Store
	Sequence *webhook.Sequence
	Cursors  *paging.Cursors
	// Call returns the context of one call.
	Call func() (context.Context, context.CancelFunc)
	Log  *slog.Logger
}

// Trail is the record of changes.
type Trail struct{ options Options }

// New returns a Trail.
func New(o Options) *Trail { return &Trail{o} }

// Record stores what a request has changed, and logs it in one line. It is called after the
// change and before the answer: a call whose entry cannot be stored does not succeed,
// although its change has happened.
func (t *Trail) Record(ctx *fasthttp.RequestCtx, who *auth.Principal, action string) error {
	n := Of(ctx)
	if n.Nothing {
		return nil
	}
	e := t.entry(n, who, action)
	if host, _, err := net.SplitHostPort(ctx.RemoteAddr().String()); err == nil {
		e.From = host
	}
	call, cancel := t.options.Call()
	defer cancel()
	if err := t.options.Store.AppendAudit(call, e); err != nil {
		return fmt.Errorf("record who made a change: %w", err)
	}
	t.options.Log.LogAttrs(ctx, slog.LevelInfo, "changed by request",
		slog.String("action", e.Action), slog.String("by", e.By), slog.String("from", e.From), slog.String("resource", e.Resource),
		slog.String("client_id", e.ClientID), slog.String("fields", fields(e.Changes)))
	return nil
}

// maxFields bounds the fields in a line of the log. Their values are not in it.
const maxFields = 8

// fields names what has changed, for the log.
func fields(changes []audit.Change) string {
	var names []string
	for _, c := range changes[:min(maxFields, len(changes))] {
		names = append(names, c.Field)
	}
	if len(changes) > maxFields {
		names = append(names, fmt.Sprintf("and %d more", len(changes)-maxFields))
	}
	return strings.Join(names, ", ")
}

// entry returns the entry of a change that happens now.
func (t *Trail) entry(n *Note, who *auth.Principal, action string) audit.Entry {
	now := time.Now().UTC().Truncate(time.Millisecond)
	e := audit.Entry{
		ID: webhook.ID{Seq: t.options.Sequence.Next(now), Nonce: mathrand.Uint32()}, At: now,
		Action: action, Resource: n.Resource, ClientID: n.ClientID, Changes: n.changes,
	}
	if e.By = n.By; e.By == "" {
		e.By, e.Operator = who.By(), who.IsAdmin()
	}
	return e
}

// Query are the parameters of the list, apart from client_id.
var Query = []string{"action", "by", "resource", "since", "until", "limit", "cursor"}

// resource is an entry as the API shows it.
type resource struct {
	ID          string   `json:"id"`
	At          string   `json:"at"`
	Action      string   `json:"action"`
	By          string   `json:"by"`
	FromAddress string   `json:"from_address,omitzero"`
	Resource    string   `json:"resource,omitzero"`
	ClientID    string   `json:"client_id,omitzero"`
	Changes     []change `json:"changes"`
}

// change is a member that has changed. A value that was absent, or is, has no member.
type change struct {
	Field  string         `json:"field"`
	Before jsontext.Value `json:"before,omitzero"`
	After  jsontext.Value `json:"after,omitzero"`
}

// operator stands for an administrator in what a client is shown.
const operator = "operator"

// show returns an entry as a caller may see it: a client learns neither the name nor the
// address of an administrator.
func show(e *audit.Entry, who *auth.Principal) resource {
	r := resource{
		ID: audit.ID.Format(e.ID), At: webhook.FormatTime(e.At), Action: e.Action, By: e.By, FromAddress: e.From,
		Resource: e.Resource, ClientID: e.ClientID, Changes: make([]change, len(e.Changes)),
	}
	if e.Operator && !who.IsAdmin() {
		r.By, r.FromAddress = operator, ""
	}
	for i, c := range e.Changes {
		r.Changes[i] = change{c.Field, value(c.Before), value(c.After)}
	}
	return r
}

// value returns a value as JSON; nil for an absent one.
func value(text string) jsontext.Value {
	if text == "" {
		return nil
	}
	return jsontext.Value(text)
}

// List answers with a page of the changes that the caller may see, newest first.
func (t *Trail) List(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	q := audit.Query{
		ClientID: who.ClientID, Action: exchange.Parameter(ctx, "action"), By: exchange.Parameter(ctx, "by"), Resource: exchange.Parameter(ctx, "resource"),
	}
	var err error
	if q.Limit, err = exchange.Limit(ctx); err != nil {
		return err
	}
	p, err := paging.ParsePeriod(exchange.TimeParameter(ctx, "since"), exchange.TimeParameter(ctx, "until"), time.Now())
	if err != nil {
		return err
	}
	of := exchange.Listing(paging.Audit, who, append(p.Filters(), q.Action, q.By, q.Resource)...)
	of.Period = &p
	if q.Before, err = t.options.Cursors.ReadID(of, exchange.Parameter(ctx, "cursor")); err != nil {
		return err
	}
	q.Since, q.Until = p.Span()
	call, cancel := t.options.Call()
	defer cancel()
	found, err := t.options.Store.ListAudit(call, q)
	if err != nil {
		return fmt.Errorf("list changes: %w", err)
	}
	out := exchange.Page[resource]{Data: []resource{}, NextCursor: t.options.Cursors.WriteID(of, found.Next)}
	for i := range found.Entries {
		e := &found.Entries[i]
		if q.By != "" && e.Operator && !who.IsAdmin() {
			continue // a client must not find out names by asking for them
		}
		out.Data = append(out.Data, show(e, who))
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}
