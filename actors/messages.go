package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// The messages between the actors. Deliveries come to an endpoint's actor through
// its tray.

// To the router.
type (
	// publication are events to match, number and store.
	publication struct {
		events []webhook.Event
		only   webhook.EndpointNumber // for a test: this endpoint, whatever it subscribed to
		bytes  int64
		done   chan published // buffered
		// claimed is set once: by the router when it begins, or by a publisher that
		// no longer waits.
		claimed atomic.Bool

		// The router's: the place of the next event, and what was matched and not
		// handed to storage yet.
		next  int
		chunk chunk
		// receipts are those of all events; storage's own slice if they came in one
		// piece. err is why some were not stored.
		receipts []webhook.Receipt
		err      error
	}
	// published is the answer to a publication.
	published struct {
		receipts []webhook.Receipt
		err      error
	}
	// endpointChanged is an endpoint as it was stored; the router passes it on to the supervisor.
	endpointChanged struct{ endpoint webhook.Endpoint }
	// publishMore: storage has room again for the publications that wait.
	publishMore struct{}
	// footprintQuery asks what a client has registered.
	footprintQuery struct {
		client string
		reply  chan webhook.Footprint
	}
	// pendingQuery asks whether the client of an endpoint may have more pending; the
	// answer is the error if not.
	pendingQuery struct {
		number webhook.EndpointNumber
		reply  chan error
	}
	// closeRouter makes the router refuse what comes.
	closeRouter struct{}
)

// To the supervisor.
type (
	// accepted are events that are durable, with their receipts. Where they have many
	// deliveries, the supervisor sends the message on to itself in between.
	accepted struct {
		publication *publication
		events      []webhook.Event
		receipts    []webhook.Receipt
		last        bool // of its publication
		// event and endpoint are where the supervisor goes on.
		event, endpoint int
	}
	// wakeEndpoint tells of work that was found in storage at start.
	wakeEndpoint struct{ wake webhook.Wake }
	// audit are heads that are due in storage; the supervisor passes it on.
	audit struct{ wake webhook.Wake }
	// forEndpoint is a message to an endpoint's actor, which is started for it.
	forEndpoint struct {
		number  webhook.EndpointNumber
		message any
	}
	// restRequest: an actor has nothing to do.
	restRequest struct {
		number webhook.EndpointNumber
		who    *actor.PID
		seen   uint64 // how many of the supervisor's messages it had handled then
		rest   lane.Idle
	}
	// drain makes all endpoint actors finish what is in flight and start nothing; done is closed then.
	drain struct{ done chan struct{} }
	// drained: one actor is done with that.
	drained struct{ number webhook.EndpointNumber }
	// tick: a time the supervisor waits for may have come.
	tick struct{}
	// defaultsChanged: the defaults of settings, or their ceilings, are others now. The
	// supervisor passes it on to all actors that run.
	defaultsChanged struct{}
	// sweepSeats: look for seats that hold nothing any more.
	sweepSeats struct{}
)

// To an endpoint's actor, from the supervisor: counted.
type (
	missed struct {
		from   webhook.ID
		byHand bool // a person asked for them: one goes even if others cannot
	}
	configured    struct{ endpoint webhook.Endpoint }
	healthQuery   struct{ reply chan healthAnswer }
	progressQuery struct{ reply chan webhook.Progress }
	drainEndpoint struct{}
)

// To an endpoint's actor, from its own work: not counted.
type (
	loaded struct {
		endpoint webhook.Endpoint
		gate     webhook.GateState
		err      error
	}
	reloaded struct {
		endpoint webhook.Endpoint
		err      error
	}
	queueRead struct {
		due []*lane.Entry
		all bool
		err error
	}
	scheduleRead struct {
		due   []*lane.Entry
		next  webhook.DueTime
		ahead bool // nothing was due, and due is what lies too far ahead
		err   error
	}
	changeDone struct {
		change *lane.Change
		due    *lane.Entry // requeued
		noRoom bool        // requeued, but there is no memory for it
		answer lane.Answer
	}
	cancelledSome struct {
		n   int
		err error
	}
	permitKept struct{}
	wake       struct{}
)
