package resource

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/completion"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/settings"
)

// knownTimeout bounds the call for completions: a user waits at a prompt for them.
const knownTimeout = 2 * time.Second

// Known returns the values that a server, or this machine, knows of a kind: webhook,
// delivery, type or profile. It is for the completion of command lines: without a server or
// a token, and after an error, there are none. The flags that choose the server are read as
// a command would read them, except that no settings file is.
func Known(ctx context.Context, kind string, flags map[string]string) []completion.Value {
	if kind == "profile" {
		var found []completion.Value
		for _, name := range connection.Names() {
			found = append(found, completion.Value{Text: name})
		}
		return found
	}
	path, describe := knownPath(kind)
	if path == "" {
		return nil
	}
	value := func(name string) string { return cmp.Or(flags[name], os.Getenv(settings.EnvName(name))) }
	c := caller{Client: value("client")}
	c.Server, c.Token, c.Profile = value("server"), value("token"), value("profile")
	a, err := c.open()
	if err != nil {
		return nil
	}
	defer a.client.Close()
	ctx, cancel := context.WithTimeout(ctx, knownTimeout)
	defer cancel()
	p, err := (&listing{api: a, path: path}).page(ctx, "", 0)
	if err != nil {
		return nil
	}
	var found []completion.Value
	for _, text := range p.Data {
		if v := describe(text); v.Text != "" {
			found = append(found, v)
		}
	}
	return found
}

// knownPath returns the list that has the values of a kind, and how one of them reads.
func knownPath(kind string) (path string, describe func(json.RawMessage) completion.Value) {
	switch kind {
	case "webhook":
		return "/api/webhooks", func(text json.RawMessage) completion.Value {
			var w webhook
			_ = json.Unmarshal(text, &w) // without an id it is left out
			return completion.Value{Text: w.ID, Description: w.Status + ", " + w.TargetURL}
		}
	case "delivery":
		return "/api/deliveries", func(text json.RawMessage) completion.Value {
			var d delivery
			_ = json.Unmarshal(text, &d)
			return completion.Value{Text: d.ID, Description: d.Status + ", " + d.EventType}
		}
	case "type":
		return "/api/event-types", func(text json.RawMessage) completion.Value {
			var t eventType
			_ = json.Unmarshal(text, &t)
			return completion.Value{Text: t.Name, Description: t.Description}
		}
	}
	return "", nil
}
