package actors

import (
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

// shared is what all actors of one Dispatcher use together.
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
	// defaults, ceilings and maxPending begin as the options say, and may change.
	defaults   atomic.Pointer[webhook.Settings]
	ceilings   atomic.Pointer[webhook.Ceilings]
	maxPending atomic.Int64
	// aborted: the shutdown's time is up; attempts that now fail were cut off by it.
	aborted atomic.Bool
	// changed makes a stored change of an endpoint effective.
	changed func(webhook.Endpoint)
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

// tellPanic, deferred, logs a panic with its stack, and lets it go on: by the time
// a supervisor hears of it the stack is gone.
func (s *shared) tellPanic(who string) {
	if cause := recover(); cause != nil {
		logPanic(s.log, who, cause)
		panic(cause)
	}
}

func logPanic(log *slog.Logger, who string, cause any) {
	log.Error("actor panicked", "actor", who, "panic", cause, "stack", string(debug.Stack()))
}
