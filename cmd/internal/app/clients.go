package app

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/corpastro/astrohook/webhook"
)

// clientLimits are the limits of every client. It does not change once it is made: a
// reload makes another one, so readers need no lock.
type clientLimits struct {
	others webhook.ClientLimits            // of clients without limits of their own
	of     map[string]webhook.ClientLimits // by client, complete
}

// get returns the limits of one client.
func (l *clientLimits) get(client string) webhook.ClientLimits {
	if own, has := l.of[client]; has {
		return own
	}
	return l.others
}

// clientLimits reads the limits of all clients and those of single ones. A client that
// has an entry for one limit has the general value of the others. Of two entries for the
// same limit the last one holds, so that a flag can be repeated to change it.
func (c *Config) clientLimits() (*clientLimits, error) {
	out := &clientLimits{
		others: webhook.ClientLimits{
			Webhooks: c.ClientMaxWebhooks, Patterns: c.ClientMaxPatterns, Pending: c.ClientMaxPending, Bytes: int64(min(c.ClientMaxBytes, math.MaxInt64)),
		},
		of: map[string]webhook.ClientLimits{},
	}
	for _, entry := range c.ClientLimits {
		client, limit, number, err := splitClientLimit(entry)
		if err != nil {
			return nil, err
		}
		own := out.get(client)
		switch limit {
		case "webhooks":
			own.Webhooks = int(number)
		case "patterns":
			own.Patterns = int(number)
		case "pending":
			own.Pending = number
		case "bytes":
			own.Bytes = number
		default:
			return nil, badClientLimit(entry, fmt.Sprintf("there is no limit %q: take webhooks, patterns, pending or bytes", limit))
		}
		out.of[client] = own
	}
	return out, nil
}

// splitClientLimit reads CLIENT/LIMIT=NUMBER. A client's name may contain both signs.
func splitClientLimit(entry string) (client, limit string, number int64, err error) {
	entry = strings.TrimSpace(entry)
	equals := strings.LastIndexByte(entry, '=')
	slash := strings.LastIndexByte(entry[:max(equals, 0)], '/')
	if slash <= 0 {
		return "", "", 0, badClientLimit(entry, "it is not of the form CLIENT/LIMIT=NUMBER")
	}
	client, limit = entry[:slash], entry[slash+1:equals]
	if limit == "bytes" {
		var size Size
		err = size.UnmarshalText([]byte(entry[equals+1:]))
		number = int64(min(size, math.MaxInt64))
	} else {
		number, err = strconv.ParseInt(entry[equals+1:], 10, 64)
	}
	if err != nil || number < 1 {
		return "", "", 0, badClientLimit(entry, "the number is not 1 or more")
	}
	return client, limit, number, nil
}

// badClientLimit returns the error of one entry, which it quotes: there may be hundreds.
func badClientLimit(entry, reason string) error {
	return &webhook.FieldError{Field: "client-limits", Reason: fmt.Sprintf("has the entry %q: %s", entry, reason)}
}
