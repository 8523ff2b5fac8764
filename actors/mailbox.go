package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/limit"
)

const (
	// maxRunning bounds the actors that run at the same time; none of them waits for anything.
	maxRunning = 256
	// maxRun is how many messages an actor handles before it lets others run.
	maxRun = 300
)

// mailboxes runs actors on workers, whose stacks have grown already; that of a
// goroutine of its own would grow for each message that finds an actor idle.
type mailboxes struct{ *limit.Workers }

var _ actor.Dispatcher = mailboxes{}

// Schedule runs an actor until its mailbox is empty.
func (m mailboxes) Schedule(run func()) { m.Run(run) }

// Throughput is how many messages an actor handles before it lets others run.
func (mailboxes) Throughput() int { return maxRun }
