package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// maxPublish is the longest body that the server accepts, in bytes. What is longer is
// refused here without reading more of it.
const maxPublish = 1 << 20

// publishCommand publishes one event from its arguments, or with --batch many from a file.
type publishCommand struct {
	// The token needs the scope events:write:all, or events:write and a client.
	connection.Flags `embed:""`

	// ForClient is not called Client, because the environment would share the name with
	// the commands whose client is that of a token or a key.
	ForClient      string `placeholder:"ID" help:"Only this client's webhooks get the event; default: every client's."`
	IdempotencyKey string `placeholder:"KEY" help:"Publish once, however often the command runs with this key."`
	Batch          string `placeholder:"FILE" help:"Publish the events in this file, one JSON object a line with event_type and data; - for the standard input."`
	EventType      string `arg:"" optional:"" complete:"type" help:"Type of the event."`
	Data           string `arg:"" optional:"" default:"-" help:"Data of the event as JSON, or @FILE, or - for the standard input."`
}

// Run publishes, and prints a line for each event.
func (c *publishCommand) Run(ctx context.Context, std streams) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	switch {
	case c.Batch != "" && c.EventType != "":
		return settings.Misuse("--batch takes the event types from its file")
	case c.Batch != "":
		return c.publishBatch(ctx, client, std)
	case c.EventType == "":
		return settings.Misuse("an event type, or --batch FILE, is missing")
	}
	return c.publishOne(ctx, client, std)
}

// publishOne publishes the event of the arguments. It tries once: without an idempotency
// key a second try could publish twice.
func (c *publishCommand) publishOne(ctx context.Context, client *apiclient.Client, std streams) error {
	data, err := c.readData(std)
	if err != nil {
		return err
	}
	body, err := c.event(data)
	if err != nil {
		return err
	}
	var receipt eventReceipt
	request := apiclient.Request{Method: http.MethodPost, Path: "/api/events", ContentType: "application/json", Body: body}
	if err := client.Do(ctx, request, &receipt); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	_, err = fmt.Fprintln(std.Out, receipt)
	return err
}

// readData returns the event's data, as it stands in the argument, a file or the standard
// input.
func (c *publishCommand) readData(std streams) ([]byte, error) {
	if file, is := strings.CutPrefix(c.Data, "@"); is {
		return readInput(file, std.In, maxPublish)
	}
	if c.Data == "-" {
		return readInput("-", std.In, maxPublish)
	}
	return []byte(c.Data), nil
}

// event returns the request's body. The bytes of the data go into it unchanged: the
// server decides about them, and a second encoding here would hide what it refuses.
func (c *publishCommand) event(data []byte) ([]byte, error) {
	if !json.Valid(data) {
		return nil, settings.Misuse("the event's data is not JSON")
	}
	fields := map[string]string{"event_type": c.EventType}
	if c.ForClient != "" {
		fields["client_id"] = c.ForClient
	}
	if c.IdempotencyKey != "" {
		fields["idempotency_key"] = c.IdempotencyKey
	}
	head, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("write the event: %w", err)
	}
	return fmt.Appendf(nil, `%s,"data":%s}`, head[:len(head)-1], data), nil
}

// eventReceipt is the answer to an event.
type eventReceipt struct {
	ID         string `json:"id"`         // of the event, or of the first one if Duplicate
	Deliveries int    `json:"deliveries"` // that were queued
	Paused     int    `json:"paused"`     // of Deliveries, those that wait for a paused webhook
	// Disabled and Limited were not queued but stored as failed, and can be replayed: for
	// disabled webhooks, and for clients that have as much pending as they may.
	Disabled  int  `json:"disabled"`
	Limited   int  `json:"limited"`
	Duplicate bool `json:"duplicate"` // an event with this idempotency key was there already
}

// String returns the line that people read.
func (r eventReceipt) String() string {
	line := terminal.Printable(r.ID) + "  " + r.deliveries()
	if r.Duplicate {
		line += "  (published before with this key)"
	}
	return line
}

// deliveries returns the number of deliveries, and why some of them are not sent now. An
// event that matches nothing gets words of its own: most often a type is misspelt.
func (r eventReceipt) deliveries() string {
	if r.Deliveries+r.Disabled+r.Limited == 0 && !r.Duplicate {
		return "0 deliveries: no webhook asks for this event"
	}
	text := fmt.Sprintf("%d deliveries", r.Deliveries)
	if r.Deliveries == 1 {
		text = "1 delivery"
	}
	for _, some := range []struct {
		count int
		what  string
	}{
		{r.Paused, "waiting for a paused webhook"},
		{r.Disabled, "withheld from a disabled webhook"},
		{r.Limited, "withheld from a client with too much pending"},
	} {
		if some.count > 0 {
			text += fmt.Sprintf(", %d %s", some.count, some.what)
		}
	}
	return text
}
