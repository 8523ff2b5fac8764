package httpapi

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// maxDescription bounds the description of an event type, in characters.
const maxDescription = 1000

// eventTypeResource is an event type as the API shows it. It has the fields of
// webhook.EventType in the same order, so that one converts to the other.
type eventTypeResource struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// eventTypeInput registers or changes an event type.
type eventTypeInput struct {
	Name        optional[string] `json:"name"`
	Description optional[string] `json:"description"`
}

// eventType returns the event type of the input. name is the one in the path; "" if there is
// none, when a type is registered. A name in the body may only repeat that of the path.
func (in *eventTypeInput) eventType(name string) (t webhook.EventType, err error) {
	t = webhook.EventType{Name: in.Name.Value, Description: in.Description.Value}
	switch {
	case name == "" && !in.Name.Given():
		return t, problem.OfField("name", "is missing")
	case name != "" && in.Name.Given() && in.Name.Value != name:
		return t, problem.OfField("name", "cannot be changed")
	case name != "":
		t.Name = name
	}
	if err := webhook.ValidateEventType(t.Name); err != nil {
		return t, jsonbody.InField(err, "name")
	}
	if utf8.RuneCountInString(t.Description) > maxDescription {
		return t, problem.OfField("description", fmt.Sprintf("is longer than %d characters", maxDescription))
	}
	return t, nil
}

// listEventTypes lists the registry by name. Every caller may read it: whoever registers a
// webhook needs the names. A page starts after the last name of the previous one, which may
// have been removed since.
func (s *Server) listEventTypes(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	limit, err := exchange.Limit(ctx)
	if err != nil {
		return err
	}
	list, of := s.types.List(), exchange.Listing(paging.EventTypes, who)
	if cursor := exchange.Parameter(ctx, "cursor"); cursor != "" {
		after, err := s.cursors.Read(of, cursor)
		if err != nil {
			return err
		}
		// The list is in the order of names, and may have changed since the previous page.
		at, found := slices.BinarySearchFunc(list, string(after), func(t webhook.EventType, name string) int {
			return strings.Compare(t.Name, name)
		})
		if found {
			at++
		}
		list = list[at:]
	}
	out := exchange.Page[eventTypeResource]{Data: []eventTypeResource{}}
	for _, t := range list[:min(limit, len(list))] {
		out.Data = append(out.Data, eventTypeResource(t))
	}
	if len(list) > limit {
		out.NextCursor = s.cursors.Write(of, []byte(list[limit-1].Name))
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// getEventType answers with one event type.
func (s *Server) getEventType(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	t, err := s.types.Get(exchange.Path(ctx, "name"))
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, eventTypeResource(t))
}

// createEventType registers an event type. Publishers can use it when the call returns.
func (s *Server) createEventType(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	var in eventTypeInput
	if err := exchange.Decode(ctx, &in); err != nil {
		return err
	}
	t, err := in.eventType("")
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	if err := s.types.Create(call, t); err != nil {
		return err
	}
	audit.Of(ctx).About(t.Name, "").Compare(nil, eventTypeResource(t))
	if err := s.inForce(call); err != nil {
		return err
	}
	ctx.Response.Header.Set(fasthttp.HeaderLocation, "/api/event-types/"+t.Name)
	return exchange.Answer(ctx, fasthttp.StatusCreated, eventTypeResource(t))
}

// updateEventType replaces the description of an event type. Its name is what events and
// webhooks refer to, and cannot change.
func (s *Server) updateEventType(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	known, err := s.types.Get(exchange.Path(ctx, "name"))
	if err != nil {
		return err
	}
	var in eventTypeInput
	if err := exchange.Decode(ctx, &in); err != nil {
		return err
	}
	t, err := in.eventType(known.Name)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	if err := s.types.Update(call, t); err != nil {
		return err
	}
	audit.Of(ctx).About(t.Name, "").Compare(eventTypeResource(known), eventTypeResource(t))
	if err := s.inForce(call); err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, eventTypeResource(t))
}

// deleteEventType removes an event type from the registry. Endpoints that name it keep it, and
// get its events again if it is registered again.
func (s *Server) deleteEventType(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	call, cancel := s.call()
	defer cancel()
	name := exchange.Path(ctx, "name")
	if err := s.types.Remove(call, name); err != nil {
		return err
	}
	audit.Of(ctx).About(name, "")
	if err := s.inForce(call); err != nil {
		return err
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}
