package actors

import (
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/webhook"
)

// maxReads bounds the reads of storage that run at the same time.
const maxReads = 8

// shared is what all actors of one Dispatcher use together.
type shared struct {
	options    Options
	store      Store
	log        *slog.Logger
	root       *actor.RootContext
	metrics    *metrics
	slots      *slots
	budget     *budget
	publishing *budget // of events that are being accepted
	attempts   *workers
	reads      *workers
	mailboxes  mailboxes
	watchers   watchers
	// defaults and maxPending begin as the options say, and may change.
	defaults   atomic.Pointer[webhook.Settings]
	maxPending atomic.Int64
	// aborted: the shutdown's time is up; attempts that now fail were cut off by it.
	aborted atomic.Bool
	// changed makes a stored change of an endpoint effective.
	changed func(webhook.Endpoint)
}

// tellPanic, deferred, logs a panic with its stack, and lets it go on: by the time
// a supervisor hears of it the stack is gone.
func (s *shared) tellPanic(who string) {
	if cause := recover(); cause != nil {
		s.log.Error("actor panicked", "actor", who, "panic", cause, "stack", string(debug.Stack()))
		panic(cause)
	}
}
