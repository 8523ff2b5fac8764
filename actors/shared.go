package actors

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/actors/survey"
	"github.com/corpastro/astrohook/webhook"
)

// shared is what all actors of one Dispatcher use together. Its fields are set before
// the first actor starts; what they point to is safe for concurrent use.
type shared struct {
	// running ends, by end, when no actor needs storage any more: reads end with it.
	running context.Context
	end     context.CancelFunc

	options    Options
	store      Store
	log        *slog.Logger
	root       *actor.RootContext
	metrics    *metrics
	survey     *survey.Survey
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

const (
	// maxRunning bounds the actors that run at the same time. None of them waits for
	// anything, so more would only take turns.
	maxRunning = 256
	// maxRun is how many messages an actor handles in a row before others get its worker.
	maxRun = 300
)

// mailboxes runs actors on workers, whose stacks have grown already. protoactor's own
// dispatcher starts a goroutine for each message that finds an actor idle, and growing
// its stack costs more than handling the message.
type mailboxes struct{ *limit.Workers }

var _ actor.Dispatcher = mailboxes{}

// Schedule runs an actor until its mailbox is empty, or maxRun messages are handled.
func (m mailboxes) Schedule(run func()) { m.Run(run) }

// Throughput returns how many messages an actor handles in a row.
func (mailboxes) Throughput() int { return maxRun }
