package resource

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Types are the commands about the registry of event types. Without a further word they
// list it.
type Types struct {
	List   typesList   `cmd:"" default:"withargs" help:"List event types by name."`
	Add    typesAdd    `cmd:"" help:"Register an event type."`
	Set    typesSet    `cmd:"" help:"Change the description of an event type."`
	Remove typesRemove `cmd:"" help:"Take event types out of the registry: events of them are refused from then on."`
}

// eventType is an event type.
type eventType struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// typeColumns are the columns of a list of event types.
var typeColumns = []output.Column[eventType]{
	{Title: "NAME", Text: func(t eventType) string { return t.Name }},
	{Title: "DESCRIPTION", Text: func(t eventType) string { return t.Description }, Least: 20},
}

// typePath returns the path of an event type.
func typePath(name string) string { return "/api/event-types/" + url.PathEscape(name) }

// showType prints an event type as a table of one.
func showType(p *output.Printer, t eventType) error {
	return output.Rows(p, []eventType{t}, typeColumns)
}

// typesList lists event types.
type typesList struct {
	paged `embed:""`
}

// Run prints the list.
func (c *typesList) Run(ctx context.Context, std terminal.Streams) error {
	return showList(ctx, std, &c.paged, "/api/event-types", nil, "event type", typeColumns)
}

// typesAdd registers an event type.
type typesAdd struct {
	caller       `embed:""`
	output.Flags `embed:""`
	Description  string `env:"-" placeholder:"TEXT" help:"When such an event happens."`
	Name         string `arg:"" placeholder:"NAME" help:"Name such as invoice.paid."`
}

// Run registers it. That takes an administrator's token.
func (c *typesAdd) Run(ctx context.Context, std terminal.Streams) error {
	return c.with(func(a *api) error {
		answer, err := a.call(ctx, http.MethodPost, "/api/event-types", nil, eventType{c.Name, c.Description})
		if err != nil {
			return fmt.Errorf("register the event type: %w", err)
		}
		return output.One(c.Printer(std), answer, showType)
	})
}

// typesSet changes an event type.
type typesSet struct {
	caller       `embed:""`
	output.Flags `embed:""`
	Name         string `arg:"" complete:"type" placeholder:"NAME" help:"Name of the event type."`
	Description  string `arg:"" placeholder:"TEXT" help:"When such an event happens."`
}

// Run changes it. That takes an administrator's token.
func (c *typesSet) Run(ctx context.Context, std terminal.Streams) error {
	return c.with(func(a *api) error {
		answer, err := a.call(ctx, http.MethodPut, typePath(c.Name), nil, eventType{c.Name, c.Description})
		if err != nil {
			return fmt.Errorf("change the event type: %w", err)
		}
		return output.One(c.Printer(std), answer, showType)
	})
}

// typesRemove takes event types out of the registry.
type typesRemove struct {
	caller       `embed:""`
	live.Consent `embed:""`
	Names        []string `arg:"" name:"name" complete:"type" placeholder:"NAME" help:"Names of event types."`
}

// Run asks, and removes them. That takes an administrator's token.
func (c *typesRemove) Run(ctx context.Context, std terminal.Streams) error {
	return c.with(func(a *api) error {
		for _, name := range c.Names {
			shown := terminal.Printable(name)
			if err := c.Ask(ctx, std, "Remove "+shown+"? Events of this type are refused from then on."); err != nil {
				return err
			}
			if _, err := a.call(ctx, http.MethodDelete, typePath(name), nil, nil); err != nil {
				return fmt.Errorf("remove %s: %w", shown, err)
			}
			_, _ = fmt.Fprintf(std.Err, "Removed %s.\n", shown)
		}
		return nil
	})
}
