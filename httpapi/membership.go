package httpapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// Membership is this server's place among the nodes of a cluster.
type Membership interface {
	// Serving returns why nothing is answered at present, such as a lease that has ended:
	// what this node knows may be out of date. nil while it serves.
	Serving() error
	// Ready returns why a balancer should send requests to other nodes; nil if it should
	// not.
	Ready() error
	// Nodes returns all nodes, and how many parts belong to nobody.
	Nodes() (nodes []Node, free int)
}

// Node is a node of a cluster.
type Node struct {
	ID      string // of this run of it
	Name    string
	Address string // of its listener for other nodes
	Version string // of the program
	Self    bool   // the node that answers
	Alive   bool   // its lease holds
	Leaving bool   // it takes no parts: it starts, or stops
	Parts   int
	Expires time.Time // end of its lease, by the database's clock
	Applied uint64    // version of the registrations that it has applied
}

// nodeResource is a node as the API shows it.
type nodeResource struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address,omitzero"`
	Version string `json:"version"`
	Self    bool   `json:"self"`
	Alive   bool   `json:"alive"`
	Leaving bool   `json:"leaving"`
	Parts   int    `json:"parts"`
	Expires string `json:"lease_expires_at"`
	Applied uint64 `json:"registrations_version"`
}

// nodesResource is the list of nodes: one page, since a cluster has a few.
type nodesResource struct {
	Data  []nodeResource `json:"data"`
	Parts int            `json:"parts"`
	Free  int            `json:"free_parts"`
}

// listNodes lists the nodes of the cluster. A server with a data directory of its own has
// none.
func (s *Server) listNodes(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	out := nodesResource{Data: []nodeResource{}}
	if s.membership == nil {
		return exchange.Answer(ctx, fasthttp.StatusOK, out)
	}
	nodes, free := s.membership.Nodes()
	out.Parts, out.Free = webhook.PartCount, free
	for _, n := range nodes {
		out.Data = append(out.Data, nodeResource{
			ID: n.ID, Name: n.Name, Address: n.Address, Version: n.Version, Self: n.Self, Alive: n.Alive,
			Leaving: n.Leaving, Parts: n.Parts, Expires: jsonbody.Time(n.Expires), Applied: n.Applied,
		})
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

var errStartingOrStopping = errors.New("the server is starting or stopping")

// unserved returns the problem with which a request is refused while this node does not
// serve; nil while it does.
func (s *Server) unserved() error {
	if s.membership == nil {
		return nil
	}
	return s.notNow(s.membership.Serving())
}

// unready returns the problem that /readyz answers with.
func (s *Server) unready() error {
	if !s.ready.Load() {
		return s.notNow(errStartingOrStopping)
	}
	if s.membership == nil {
		return nil
	}
	return s.notNow(s.membership.Ready())
}

// notNow returns the problem for a reason that passes; nil for none.
func (s *Server) notNow(reason error) error {
	if reason == nil {
		return nil
	}
	p := problem.New(problem.Unavailable, reason.Error())
	p.RetryAfter = problem.DefaultRetryAfter
	return p
}

// In a cluster every node keeps the event types and the API keys in memory, and counts what
// clients have registered. What other nodes change arrives through Refresh; what this node
// changes is answered when the others have it.

// Refresh reads event types and API keys again that other nodes have changed. When it
// returns without an error, every later request is judged by what the store had at the time
// of the call.
func (s *Server) Refresh(ctx context.Context, eventTypes, apiKeys bool) error {
	if eventTypes {
		if err := s.types.Refresh(ctx); err != nil {
			return err
		}
	}
	if apiKeys {
		return s.callers.APIKeys().Refresh(ctx)
	}
	return nil
}

// errNotInForce reports that a change is stored, and that some node may not know of it yet.
var errNotInForce = errors.New("the change is stored, and not in force on every node yet")

// inForce returns when a change that this node has stored and applied is in force on every
// other node, too: an API key that was deleted is refused everywhere from the answer on.
func (s *Server) inForce(ctx context.Context) error {
	if s.peers == nil {
		return nil
	}
	if err := s.peers.AwaitApplied(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotInForce, err)
	}
	return nil
}

// catchUp applies what other nodes have registered so far, so that a client's limits are
// checked with all of it. Registrations that run at the same moment on several nodes do not
// see one another: together they can exceed a limit by one for each node.
func (s *Server) catchUp(ctx context.Context) error {
	if s.peers == nil {
		return nil
	}
	if err := s.peers.CatchUp(ctx); err != nil {
		return fmt.Errorf("look what other nodes have registered: %w", err)
	}
	return nil
}
