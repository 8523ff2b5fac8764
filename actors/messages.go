package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

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
		taken  bool           // the router has it: an answer follows
	}
	// published is the answer to a publication.
	published struct {
		receipts []webhook.Receipt
		err      error
	}
	// endpointChanged is an endpoint as it was stored; the router passes it on to the supervisor.
	endpointChanged struct{ endpoint webhook.Endpoint }
	// closeRouter makes the router refuse what comes.
	closeRouter struct{}
)

// To the supervisor.
type (
	// accepted are events that are durable, with their receipts.
	accepted struct {
		publication *publication
		events      []webhook.Event
		receipts    []webhook.Receipt
		last        bool // of its publication
	}
	// wakeEndpoint tells of work that was found in storage at start.
	wakeEndpoint struct{ wake webhook.Wake }
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
		rest   rest
	}
	// drain makes all endpoint actors finish what is in flight and start nothing; done is closed then.
	drain struct{ done chan struct{} }
	// drained: one actor is done with that.
	drained struct{ number webhook.EndpointNumber }
	// tick: a time the supervisor waits for may have come.
	tick struct{}
	// defaultsChanged: the settings of endpoints that set none are others now. The
	// supervisor passes it on to all actors that run.
	defaultsChanged struct{}
	// sweepSeats: look for seats that hold nothing any more.
	sweepSeats struct{}
)

// To an endpoint's actor, from the supervisor: counted.
type (
	missed        struct{ from webhook.ID }
	configured    struct{ endpoint webhook.Endpoint }
	healthQuery   struct{ reply chan webhook.Health }
	inFlightQuery struct{ reply chan map[webhook.ID]time.Time }
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
		due []*entry
		all bool
		err error
	}
	scheduleRead struct {
		due   []*entry
		next  time.Time
		ahead bool // nothing was due, and due is what lies too far ahead
		err   error
	}
	changeDone struct {
		change *change
		due    *entry // requeued
		noRoom bool   // requeued, but there is no memory for it
		answer changed
	}
	cancelledSome struct {
		n   int
		err error
	}
	// notSettled: storage could not record it.
	notSettled struct{ err error }
	slotFree   struct{}
	wake       struct{}
)
