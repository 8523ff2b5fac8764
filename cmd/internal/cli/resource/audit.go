package resource

import (
	"context"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Audit lists who changed what.
type Audit struct {
	paged `embed:""`

	Since    string `env:"-" placeholder:"TIME" help:"Changes at this time or later: as in RFC 3339, or a time before now such as 1h or 7d."`
	Until    string `env:"-" placeholder:"TIME" help:"Changes before this time."`
	Action   string `env:"-" placeholder:"ACTION" help:"Only these, such as webhook.update or key.create."`
	By       string `env:"-" placeholder:"WHO" help:"Only those of this caller, such as subject:alice or key:ID."`
	Resource string `env:"-" placeholder:"ID" help:"Only those of this webhook, delivery, key or event type."`
}

// auditEntry is one change.
type auditEntry struct {
	At       string `json:"at"`
	Action   string `json:"action"`
	By       string `json:"by"`
	From     string `json:"from_address"`
	Resource string `json:"resource"`
	Changes  []struct {
		Field string `json:"field"`
	} `json:"changes"`
}

// auditColumns are the columns of a list of changes.
var auditColumns = []output.Column[auditEntry]{
	{Title: "AGE", Text: func(e auditEntry) string { return output.Age(e.At) }},
	{Title: "ACTION", Text: func(e auditEntry) string { return e.Action }},
	{Title: "BY", Text: func(e auditEntry) string { return e.By }, Least: 12},
	{Title: "FROM", Text: func(e auditEntry) string { return e.From }, Drop: 2},
	{Title: "RESOURCE", Text: func(e auditEntry) string { return e.Resource }},
	{Title: "FIELDS", Text: func(e auditEntry) string {
		names := make([]string, len(e.Changes))
		for i, c := range e.Changes {
			names[i] = c.Field
		}
		return strings.Join(names, " ")
	}, Least: 10, Drop: 1},
}

// Run prints the list.
func (c *Audit) Run(ctx context.Context, std terminal.Streams) error {
	query := filters("since", c.Since, "until", c.Until, "action", c.Action, "by", c.By, "resource", c.Resource)
	return showList(ctx, std, &c.paged, "/api/audit", query, "change", auditColumns)
}
