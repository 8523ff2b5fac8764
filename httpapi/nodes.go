package httpapi

import (
	"context"
	"errors"
	"fmt"
)

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
