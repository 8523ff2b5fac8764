package httpapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
)

// What one page of a list of webhooks may cost, however many are registered. A page that
// reaches a bound is short, and has a cursor.
const (
	// listedLooks bounds the registrations that are read for it, in the order in which they
	// are stored, a client's by an index of their own.
	listedLooks = 1000
	// askedLooks bounds those that are read one by one, or whose actor is asked.
	askedLooks = 250
	// askedAtOnce bounds the questions under way, and askedFor the time of all.
	askedAtOnce = 16
	askedFor    = 2 * time.Second
)

// webhookFilters are the parameters of a list of webhooks; "" selects all.
type webhookFilters struct {
	limit           int
	status          webhook.EndpointStatus
	health          string
	eventType, text string
	sort            string // "" or created: newest first
}

// orders are the lists that are not in order of registration.
var orders = map[string]webhook.Order{"backlog": webhook.ByPending, "age": webhook.ByAge, "failures": webhook.ByFailures}

// states are the lists, newest first, of the webhooks that may be in a state. The others are
// those of most webhooks, which are found among all.
var states = map[string]webhook.Order{"open": webhook.ByOpen, "failing": webhook.ByFailing, "slow": webhook.BySlow}

// order returns the list that the dispatcher has for the filters; "" for none.
func (f *webhookFilters) order() webhook.Order {
	if by, ranked := orders[f.sort]; ranked {
		return by
	}
	return states[f.health]
}

// webhookEntry is a webhook in a list.
type webhookEntry struct {
	registration.Resource
	Health view.BriefHealth `json:"health"`
}

// readWebhookFilters reads the parameters of a list of webhooks.
func readWebhookFilters(ctx *fasthttp.RequestCtx) (f webhookFilters, err error) {
	if f.limit, err = exchange.Limit(ctx); err != nil {
		return f, err
	}
	f.status, f.health = webhook.EndpointStatus(exchange.Parameter(ctx, "status")), exchange.Parameter(ctx, "health")
	f.text, f.sort = strings.ToLower(exchange.Parameter(ctx, "q")), exchange.Parameter(ctx, "sort")
	switch f.status {
	case "", webhook.EndpointActive, webhook.EndpointPaused, webhook.EndpointDisabled:
	default:
		return f, problem.OfField("status", "is none of active, paused and disabled")
	}
	if f.health != "" && !slices.Contains(view.HealthStates, f.health) {
		return f, problem.OfField("health", "is none of "+strings.Join(view.HealthStates, ", "))
	}
	if _, known := orders[f.sort]; !known && f.sort != "" && f.sort != "created" {
		return f, problem.OfField("sort", "is none of created, backlog, age and failures")
	}
	f.eventType, err = eventTypeFilter(ctx)
	return f, err
}

// filtered reports whether anything but the order narrows the list.
func (f *webhookFilters) filtered() bool {
	return f.status != "" || f.health != "" || f.eventType != "" || f.text != ""
}

// selects reports whether a registration passes the filters, its health aside. A text is
// found in target URL and description, in any case.
func (f *webhookFilters) selects(e *webhook.Endpoint) bool {
	return (f.status == "" || e.Status == f.status) &&
		(f.eventType == "" || slices.ContainsFunc(e.EventTypes, func(p string) bool { return webhook.MatchType(p, f.eventType) })) &&
		(f.text == "" || strings.Contains(strings.ToLower(e.TargetURL), f.text) || strings.Contains(strings.ToLower(e.Description), f.text))
}

// listWebhooks lists the endpoints that the caller sees, newest first or the worst first.
func (s *Server) listWebhooks(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	f, err := readWebhookFilters(ctx)
	if err != nil {
		return err
	}
	var filters []string // none where there are none, so that older cursors stay good
	if by := f.order(); f.filtered() || by != "" {
		filters = []string{string(f.status), f.health, f.eventType, f.text, string(by)}
	}
	of := exchange.Listing(paging.Webhooks, who, filters...)
	from, err := s.cursors.ReadNumber(of, exchange.Parameter(ctx, "cursor"))
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	p := webhookPage{server: s, call: call, webhookFilters: f, client: who.ClientID, list: []webhookEntry{}}
	next, err := p.read(from)
	if err != nil {
		return fmt.Errorf("list webhooks: %w", err)
	}
	out := webhookListing{exchange.Page[webhookEntry]{Data: p.list}, view.NewCoverage(&p.coverage)}
	if next != 0 {
		out.NextCursor = s.cursors.WriteNumber(of, next)
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// webhookPage is one page of a list of webhooks in the making.
type webhookPage struct {
	webhookFilters
	server *Server
	call   context.Context
	client string // "" for all
	list   []webhookEntry
	// coverage is what a list in an order of its own leaves out.
	coverage webhook.Coverage
}

// webhookListing is the answer with a page.
type webhookListing struct {
	exchange.Page[webhookEntry]
	view.Coverage
}

// read fills the page from a place on, and returns where the next one begins; 0 at the end.
func (p *webhookPage) read(from webhook.EndpointNumber) (next webhook.EndpointNumber, err error) {
	switch by := p.order(); {
	case by != "":
		return p.readRanked(by, int(from))
	case p.indexed():
		return p.readIndexed(from)
	}
	return p.readNewest(from)
}

// indexed reports whether the dispatcher's lists of the registrations by status and event type
// find the entries sooner than a look at one after the other. Most are active: a text is found
// sooner among all.
func (f *webhookFilters) indexed() bool {
	return f.eventType != "" || f.status != "" && (f.status != webhook.EndpointActive || f.text == "")
}

// readIndexed fills the page with what the dispatcher lists by status and event type, newest
// first. Of that it reads askedLooks at most.
func (p *webhookPage) readIndexed(from webhook.EndpointNumber) (next webhook.EndpointNumber, err error) {
	if err := p.server.catchUp(p.call); err != nil {
		return 0, err
	}
	q := webhook.EndpointQuery{ClientID: p.client, Status: p.status, EventType: p.eventType, Before: from, Looks: listedLooks}
	for left := askedLooks; ; {
		q.Limit = min(left, p.limit-len(p.list))
		page, err := p.server.dispatcher.List(p.call, q)
		if err != nil {
			return 0, err
		}
		candidates, err := p.endpoints(page.Numbers)
		if err != nil {
			return 0, err
		}
		if _, err := p.add(candidates); err != nil {
			return 0, err
		}
		left -= len(page.Numbers)
		if q.Before = page.Next; q.Before == 0 || left <= 0 || len(p.list) == p.limit || len(page.Numbers) < q.Limit {
			return q.Before, nil
		}
	}
}

// endpoints reads those of some endpoints that the caller sees, in their order.
func (p *webhookPage) endpoints(numbers []webhook.EndpointNumber) (found []webhook.Endpoint, err error) {
	for _, n := range numbers {
		e, err := p.server.store.Endpoint(p.call, n)
		switch {
		case errors.Is(err, webhook.ErrNotFound):
		case err != nil:
			return nil, err
		case !e.Deleted() && (p.client == "" || e.ClientID == p.client):
			found = append(found, e)
		}
	}
	return found, nil
}

// readNewest fills the page in order of registration; from is the endpoint behind which it
// begins, 0 for the first. It asks storage for one more than it looks at, to know whether
// another page follows.
func (p *webhookPage) readNewest(from webhook.EndpointNumber) (next webhook.EndpointNumber, err error) {
	looks, size := listedLooks, askedLooks
	if p.health != "" {
		looks = askedLooks
	}
	if !p.filtered() {
		size = p.limit
	}
	for {
		found, err := p.server.store.ListEndpoints(p.call, p.client, from, size+1)
		if err != nil {
			return 0, err
		}
		some := found[:min(size, len(found))]
		used, err := p.add(some)
		if err != nil || used == len(found) {
			return 0, err
		}
		from, looks = some[used-1].Number(), looks-used
		if len(p.list) == p.limit || looks <= 0 {
			return from, nil
		}
	}
}

// readRanked fills the page with endpoints that stand in a list of the dispatcher's, from a
// position on.
// What is at a position may change between two pages, as their order does.
func (p *webhookPage) readRanked(by webhook.Order, from int) (next webhook.EndpointNumber, err error) {
	ranking, err := p.server.dispatcher.Ranked(p.call, by, from+askedLooks+1)
	all := ranking.Endpoints
	p.coverage = ranking.Coverage
	if err != nil || from >= len(all) {
		return 0, err
	}
	end := min(from+askedLooks, len(all))
	var numbers []webhook.EndpointNumber
	for i := from; i < end; i++ {
		numbers = append(numbers, all[i].Endpoint.Endpoint)
	}
	candidates, err := p.endpoints(numbers)
	if err != nil {
		return 0, err
	}
	used, err := p.add(candidates)
	if err != nil {
		return 0, err
	}
	if used < len(candidates) {
		end = from + slices.Index(numbers, candidates[used].Number())
	}
	if end == len(all) {
		return 0, nil
	}
	return webhook.EndpointNumber(end), nil
}

// add adds those of some endpoints that pass the filters, until the page is full, and
// returns how many it has looked at.
func (p *webhookPage) add(some []webhook.Endpoint) (used int, err error) {
	for used < len(some) && len(p.list) < p.limit {
		// As many as may be wanted: without a filter all that are asked about are shown.
		var batch []*webhook.Endpoint
		for ; used < len(some) && len(batch) < p.limit-len(p.list); used++ {
			if p.selects(&some[used]) {
				batch = append(batch, &some[used])
			}
		}
		now := time.Now()
		for i, h := range p.healths(batch) {
			brief := view.NewBriefHealth(h, now)
			if p.health != "" && brief.State != p.health {
				continue
			}
			shown := p.server.showWebhook(batch[i])
			shown.ForList()
			p.list = append(p.list, webhookEntry{shown, brief})
		}
		if p.call.Err() != nil {
			return used, p.call.Err()
		}
	}
	return used, nil
}

// healths asks how some endpoints are doing, several at a time; nil for one whose owner did
// not answer in time.
func (p *webhookPage) healths(of []*webhook.Endpoint) []*webhook.Health {
	ctx, cancel := context.WithTimeout(p.call, askedFor)
	defer cancel()
	out := make([]*webhook.Health, len(of))
	var asking sync.WaitGroup
	slots := make(chan struct{}, askedAtOnce)
	for i, e := range of {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			if h, err := p.server.dispatcher.Health(ctx, e.Number()); err == nil && !h.OwnerAway {
				out[i] = &h
			}
		})
	}
	asking.Wait()
	return out
}
