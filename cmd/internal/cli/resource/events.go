package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// maxLog is the most deliveries that the server shows with an event.
const maxLog = 100

// Events are the commands about events.
type Events struct {
	List eventsList `cmd:"" help:"List events, newest first."`
	Get  eventsGet  `cmd:"" help:"Show an event with its deliveries."`
}

// eventEntry is what a list shows of an event.
type eventEntry struct {
	ID         string `json:"id"`
	EventType  string `json:"event_type"`
	ClientID   string `json:"client_id"`
	AcceptedAt string `json:"accepted_at"`
	SizeBytes  int    `json:"size_bytes"`
	Deliveries int    `json:"deliveries"`
}

// eventColumns are the columns of a list of events.
var eventColumns = []output.Column[eventEntry]{
	{Title: "ID", Text: func(e eventEntry) string { return e.ID }},
	{Title: "AGE", Text: func(e eventEntry) string { return output.Age(e.AcceptedAt) }},
	{Title: "DELIVERIES", Text: func(e eventEntry) string { return strconv.Itoa(e.Deliveries) }},
	{Title: "TYPE", Text: func(e eventEntry) string { return e.EventType }, Least: 10},
	{Title: "BYTES", Text: func(e eventEntry) string { return strconv.Itoa(e.SizeBytes) }, Drop: 2},
	{Title: "CLIENT", Text: func(e eventEntry) string { return e.ClientID }, Drop: 1, Least: 10},
}

// eventsList lists events, with every filter that the API has.
type eventsList struct {
	paged  `embed:""`
	period `embed:""`

	EventType string  `env:"-" short:"t" complete:"type" placeholder:"TYPE" help:"Only those of this event type."`
	Matched   *string `env:"-" enum:"true,false" placeholder:"BOOL" help:"Only those with a delivery (true), or those without (false)."`
}

// Run prints the list.
func (c *eventsList) Run(ctx context.Context, std terminal.Streams) error {
	query := filters("event_type", c.EventType, "since", c.Since, "until", c.Until)
	if c.Matched != nil {
		query.Set("matched", *c.Matched)
	}
	return showList(ctx, std, &c.paged, "/api/events", query, "event", eventColumns)
}

// event is what a card shows of an event.
type event struct {
	ID         string          `json:"id"`
	EventType  string          `json:"event_type"`
	ClientID   string          `json:"client_id"`
	Data       json.RawMessage `json:"data"`
	AcceptedAt string          `json:"accepted_at"`
	Deliveries int             `json:"deliveries"`
	Log        []delivery      `json:"delivery_log"`
	NextCursor string          `json:"next_cursor"`
}

// eventsGet shows one event.
type eventsGet struct {
	single `embed:""`
	Limit  int    `env:"-" default:"100" placeholder:"N" help:"Show N of its deliveries, 1 to 100."`
	Cursor string `env:"-" placeholder:"CURSOR" help:"The next_cursor of the answer before, to see further deliveries."`
	ID     string `arg:"" placeholder:"ID" help:"The event's id, evt_…."`
}

// Run prints the event.
func (c *eventsGet) Run(ctx context.Context, std terminal.Streams) error {
	if c.Limit < 1 || c.Limit > maxLog {
		return settings.Misuse(fmt.Sprintf("--limit is not from 1 to %d", maxLog))
	}
	query := filters("limit", strconv.Itoa(c.Limit), "cursor", c.Cursor)
	return showOne(ctx, std, &c.single, "/api/events/"+url.PathEscape(c.ID), query, "the event", showEvent)
}

// showEvent prints an event's card, and its deliveries below it.
func showEvent(p *output.Printer, e event) error {
	err := p.Card([]output.Field{
		{Title: "id", Text: e.ID},
		{Title: "type", Text: e.EventType},
		{Title: "client", Text: e.ClientID},
		{Title: "accepted", Text: output.When(e.AcceptedAt)},
		{Title: "deliveries", Text: strconv.Itoa(e.Deliveries)},
		{Title: "data", Text: string(e.Data)},
	})
	if err != nil || len(e.Log) == 0 {
		return err
	}
	if err := p.Section("Deliveries"); err != nil {
		return err
	}
	if err := output.Rows(p, e.Log, deliveryColumns); err != nil {
		return err
	}
	if e.NextCursor != "" {
		p.Note(fmt.Sprintf("%s of %d; continue with --cursor %s", terminal.Counted(len(e.Log), "delivery"), e.Deliveries, terminal.Printable(e.NextCursor)))
	}
	return nil
}
