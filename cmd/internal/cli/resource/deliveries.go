package resource

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Deliveries are the commands about deliveries.
type Deliveries struct {
	List   deliveriesList   `cmd:"" help:"List deliveries, newest first."`
	Get    deliveriesGet    `cmd:"" help:"Show a delivery with its payload and its attempts."`
	Retry  deliveriesRetry  `cmd:"" help:"Send deliveries again now, whatever their status."`
	Cancel deliveriesCancel `cmd:"" help:"Cancel deliveries that are pending, and not in flight."`
}

// deliveryPath returns the path of a delivery, or with a rest that of one of its actions.
func deliveryPath(id, rest string) string { return "/api/deliveries/" + url.PathEscape(id) + rest }

// period has the flags of a time range. The server reads the texts.
type period struct {
	Since string `env:"-" placeholder:"TIME" help:"Accepted at this time or later: as in RFC 3339, or a time before now such as 1h or 7d."`
	Until string `env:"-" placeholder:"TIME" help:"Accepted before this time."`
}

// deliveriesList lists deliveries, with every filter that the API has.
type deliveriesList struct {
	paged  `embed:""`
	period `embed:""`

	Webhook   string  `env:"-" complete:"webhook" placeholder:"ID" help:"Only this webhook's; also of one that was deleted."`
	Status    *string `env:"-" short:"s" enum:"queued,processing,retrying,delivered,failed,cancelled" placeholder:"STATUS" help:"Only those with this status: queued, processing, retrying, delivered, failed or cancelled."`
	EventType string  `env:"-" short:"t" complete:"type" placeholder:"TYPE" help:"Only those of this event type."`
	Reason    string  `env:"-" placeholder:"REASON" help:"Only those that failed for this reason: dns, timeout, http_5xx and so on."`
	Code      string  `env:"-" placeholder:"CODE" help:"Only those whose latest attempt got this status code: 2xx, 3xx, 4xx, 5xx, a code such as 404, or none for no response."`
	Attempts  int     `env:"-" name:"min-attempts" placeholder:"N" help:"Only those with at least N attempts."`
}

// Run prints the list.
func (c *deliveriesList) Run(ctx context.Context, std terminal.Streams) error {
	path := "/api/deliveries"
	if c.Webhook != "" {
		path = webhookPath(c.Webhook, "/deliveries")
	}
	query := filters("event_type", c.EventType, "since", c.Since, "until", c.Until, "reason", c.Reason, "code", c.Code)
	if c.Attempts != 0 {
		query.Set("min_attempts", strconv.Itoa(c.Attempts))
	}
	if c.Status != nil {
		query.Set("status", *c.Status)
	}
	return showList(ctx, std, &c.paged, path, query, "delivery", deliveryColumns)
}

// deliveriesGet shows one delivery.
type deliveriesGet struct {
	single  `embed:""`
	Attempt int    `env:"-" placeholder:"N" help:"Show the attempt with this number, with what it sent and what came back."`
	ID      string `arg:"" complete:"delivery" placeholder:"ID" help:"The delivery's id, whd_…."`
}

// Run prints the delivery, or one of its attempts.
func (c *deliveriesGet) Run(ctx context.Context, std terminal.Streams) error {
	if c.Attempt != 0 {
		path := deliveryPath(c.ID, "/attempts/"+strconv.Itoa(c.Attempt))
		return showOne(ctx, std, &c.single, path, nil, "the attempt", showAttempt)
	}
	return showOne(ctx, std, &c.single, deliveryPath(c.ID, ""), nil, "the delivery", showDelivery)
}

// deliveriesRetry sends deliveries again.
type deliveriesRetry struct {
	caller       `embed:""`
	output.Flags `embed:""`
	selection    `embed:""`

	Webhook string   `env:"-" complete:"webhook" placeholder:"ID" help:"Retry all of this webhook that the filters choose, in place of single ones."`
	Status  []string `env:"-" short:"s" enum:"failed,retrying,cancelled" placeholder:"STATUS" help:"With --webhook, which: failed, retrying or cancelled. Default: failed and retrying."`
	IDs     []string `arg:"" optional:"" name:"id" complete:"delivery" placeholder:"ID" help:"Ids of deliveries, whd_…."`
}

// Run has them sent again. Single ones are printed as they are now; many are a job.
func (c *deliveriesRetry) Run(ctx context.Context, std terminal.Streams) error {
	if err := c.webhookOrIDs(c.Webhook, c.Status, c.IDs); err != nil {
		return err
	}
	return c.with(func(a *api) error {
		if c.Webhook != "" {
			return c.run(ctx, std, a, c.Printer(std), &change{
				action: "retry", webhook: c.Webhook, status: c.Status, verb: "Send", after: " again", noun: ofStatus(c.Status), past: "sent again",
			})
		}
		path := func(id string) string { return deliveryPath(id, "/retry") }
		return each(ctx, a, c.Printer(std), c.IDs, http.MethodPost, path, deliveryColumns)
	})
}

// ofStatus returns the noun for deliveries of some statuses.
func ofStatus(statuses []string) string {
	if len(statuses) == 1 {
		return statuses[0] + " delivery"
	}
	return "delivery"
}

// deliveriesCancel cancels deliveries.
type deliveriesCancel struct {
	caller       `embed:""`
	output.Flags `embed:""`
	selection    `embed:""`

	Webhook string   `env:"-" complete:"webhook" placeholder:"ID" help:"Cancel all of this webhook that the filters choose, in place of single ones."`
	Status  []string `env:"-" short:"s" enum:"queued,retrying" placeholder:"STATUS" help:"With --webhook, which: queued or retrying. Default: both."`
	IDs     []string `arg:"" optional:"" name:"id" complete:"delivery" placeholder:"ID" help:"Ids of deliveries, whd_…."`
}

// Run cancels them. Single ones are printed as they are now; many are a job.
func (c *deliveriesCancel) Run(ctx context.Context, std terminal.Streams) error {
	if err := c.webhookOrIDs(c.Webhook, c.Status, c.IDs); err != nil {
		return err
	}
	return c.with(func(a *api) error {
		if c.Webhook != "" {
			return c.run(ctx, std, a, c.Printer(std), &change{
				action: "cancel", webhook: c.Webhook, status: c.Status, verb: "Cancel", noun: ofStatus(c.Status), past: "cancelled",
			})
		}
		path := func(id string) string { return deliveryPath(id, "") }
		return each(ctx, a, c.Printer(std), c.IDs, http.MethodDelete, path, deliveryColumns)
	})
}
