package actors

import (
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

// shared is what all actors of one Dispatcher use together. Its fields are set before
// the first actor starts; what they point to is safe for concurrent use.
type shared struct {
	options    Options
	store      Store
	log        *slog.Logger
	root       *actor.RootContext
	metrics    *metrics
	permits    *limit.Permits
	clients    *limit.Clients
	budget     *limit.Budget
	publishing *webhook.Shares // of bytes of events that are being accepted
	attempts   *limit.Workers
	reads      *limit.Readers
	mailboxes  mailboxes
	watchers   watchers
	// defaults, ceilings and maxPending start as in the options; the Set methods replace them.
	defaults   atomic.Pointer[webhook.Settings]
	ceilings   atomic.Pointer[webhook.Ceilings]
	maxPending atomic.Int64
	// aborted: the shutdown ran out of time, and cut the attempts off that fail now. They
	// say nothing about their receivers, and are not recorded.
	aborted atomic.Bool
	// announce makes a stored change of an endpoint effective; it is Dispatcher.EndpointChanged.
	announce func(webhook.Endpoint)
}

// tell sends news to the actor that a tray belongs to, if there is one now.
func (s *shared) tell(t *tray) {
	t.mu.Lock()
	reader := t.reader
	t.mu.Unlock()
	if reader != nil {
		s.root.Send(reader, &news{})
	}
}

// logPanic, deferred, logs a panic with its stack and panics again. The actor's
// supervisor decides what happens, but the stack is gone by the time it is called.
func (s *shared) logPanic(who string) {
	if cause := recover(); cause != nil {
		logStack(s.log, who, cause)
		panic(cause)
	}
}

// logStack logs a panic with the stack of the goroutine that panicked.
func logStack(log *slog.Logger, who string, cause any) {
	log.Error("actor panicked", "actor", who, "panic", cause, "stack", string(debug.Stack()))
}
