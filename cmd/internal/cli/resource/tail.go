package resource

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Tail shows what happens while it happens.
type Tail struct {
	caller       `embed:""`
	output.Flags `embed:""`

	Kind      string `env:"-" short:"k" placeholder:"KINDS" help:"Only these, with commas between: attempt, delivery, breaker, webhook."`
	Webhook   string `env:"-" complete:"webhook" placeholder:"ID" help:"Only what happens to this webhook."`
	EventType string `env:"-" short:"t" complete:"type" placeholder:"TYPE" help:"Only attempts and deliveries of this event type."`
	Status    string `env:"-" short:"s" placeholder:"STATUS" help:"Only those with this status, such as failed or open."`
	Count     int    `env:"-" short:"n" placeholder:"N" help:"End after N; without it, at an interrupt."`
}

// Run prints what happens until the user interrupts it, or until as many have come as the
// user asked for. A connection that breaks is made again, and continues where it broke.
func (c *Tail) Run(ctx context.Context, std terminal.Streams) error {
	return c.with(func(a *api) error {
		printer := c.Printer(std)
		path := "/api/stream" + a.query(filters("kind", c.Kind, "webhook_id", c.Webhook, "event_type", c.EventType, "status", c.Status))
		events := bounded(following(ctx, a.client, path, printer.Note), c.Count)
		if printer.Format != output.Table {
			_, err := printer.Values(func(yield func(json.RawMessage, error) bool) {
				for e, err := range events {
					if !yield(e.whole(), err) {
						return
					}
				}
			})
			return err
		}
		for e, err := range events {
			if err == nil {
				err = e.print(printer)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// happened is one event of the stream.
type happened struct {
	id, name string
	data     json.RawMessage
}

// whole returns the event as one JSON object: its data with its name.
func (e *happened) whole() json.RawMessage {
	if len(e.data) < 3 {
		return json.RawMessage("{}")
	}
	return append(fmt.Appendf(nil, `{"event":%q,`, e.name), e.data[1:]...)
}

// print prints the event in one line.
func (e *happened) print(p *output.Printer) error {
	var v struct {
		At, State, Status, Change, Reason string
		Number, Attempts, Code, Lost      int
		WebhookID                         string `json:"webhook_id"`
		DeliveryID                        string `json:"delivery_id"`
		EventType                         string `json:"event_type"`
		DurationMS                        int64  `json:"duration_ms"`
	}
	if err := json.Unmarshal(e.data, &v); err != nil {
		return fmt.Errorf("the server's event is not what was expected: %w", err)
	}
	if e.name == "lost" {
		p.Note(fmt.Sprintf("at least %d events were lost", v.Lost))
		return nil
	}
	at, status := v.At, v.Status+v.State
	if t, err := time.Parse(time.RFC3339, v.At); err == nil {
		at = t.Local().Format("15:04:05.000")
	}
	begin := terminal.Printable(at) + " " + output.StatusTone(status).Paint(fmt.Sprintf("%-9s", terminal.Printable(status))) + " "
	words := []string{e.name}
	switch e.name {
	case "attempt":
		words = append(words, "#"+strconv.Itoa(v.Number), v.EventType, v.DeliveryID, v.WebhookID, strconv.FormatInt(v.DurationMS, 10)+"ms", v.Reason)
	case "delivery":
		words = append(words, "after "+strconv.Itoa(v.Attempts), v.EventType, v.DeliveryID, v.WebhookID, v.Reason)
	default:
		words = append(words, v.WebhookID, v.Change)
	}
	return p.Text(begin + fitted(words, p.Width()-ansi.StringWidth(begin), v.WebhookID, v.EventType) + "\n")
}

// fitted returns words in one line. Where they are too long for a terminal, those that can be
// spared are left out, one after the other, and then the line is cut. A width below 1 is that
// of no terminal.
func fitted(words []string, width int, spared ...string) string {
	for {
		words = slices.DeleteFunc(words, func(word string) bool { return word == "" })
		line := terminal.Printable(strings.Join(words, " "))
		switch {
		case width < 1 || ansi.StringWidth(line) <= width:
			return line
		case len(spared) == 0:
			return ansi.Truncate(line, width, "…")
		}
		words = slices.DeleteFunc(words, func(word string) bool { return word == spared[0] })
		spared = spared[1:]
	}
}

// bounded ends after n events; 0 is no bound.
func bounded(events iter.Seq2[*happened, error], n int) iter.Seq2[*happened, error] {
	return func(yield func(*happened, error) bool) {
		for e, err := range events {
			if !yield(e, err) {
				return
			}
			if n--; n == 0 {
				return
			}
		}
	}
}

// Waits before a stream is opened again.
const (
	firstWait = time.Second
	maxWait   = 15 * time.Second
)

// following returns the events of a stream, without its hellos. It opens a stream that has
// broken off again, and ends with ctx or with an error that would come again.
func following(ctx context.Context, client *apiclient.Client, path string, note func(string)) iter.Seq2[*happened, error] {
	return func(yield func(*happened, error) bool) {
		last, wait := "", firstWait
		for ctx.Err() == nil {
			answer, err := client.Follow(ctx, path, last)
			if err == nil {
				more := true
				err = read(answer, func(e *happened) bool {
					last, wait = e.id, firstWait
					if e.name != "" && e.name != "hello" {
						more = yield(e, nil)
					}
					return more
				})
				_ = answer.Close() // what it had to say was read
				if !more {
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
			if last == "" || apiclient.IsFinal(err) { // a stream that never was is the user's to mend
				yield(nil, err)
				return
			}
			note(fmt.Sprintf("the stream has ended (%v); trying again in %s", err, wait))
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			wait = min(2*wait, maxWait)
		}
	}
}

// read passes on the events of a stream until it ends, or take returns false. An event
// without an id has that of the one before it.
func read(from io.Reader, take func(*happened) bool) error {
	lines, e := bufio.NewScanner(from), &happened{}
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = json.RawMessage(value)
		case "":
			if lines.Text() != "" {
				continue // a comment
			}
			if !take(e) {
				return nil
			}
			e = &happened{id: e.id}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
