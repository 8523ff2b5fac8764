package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// This file has all messages between the actors. Each says who sends it, whether it is
// counted, and what happens if it is lost. A counted message raises the child's sent,
// and its handling raises seen: the supervisor stops no actor while the two differ.
//
// Messages are hints. What is owed is in storage, so a message that is lost, doubled or
// late costs time and nothing else; the watchdog is the second line. Questions that are
// lost time out (askTimeout). A message to an actor that has stopped becomes a dead
// letter. protoactor keeps the order of messages from one sender to one receiver.

// To the router. None is counted: the router is never idle.
type (
	// publication carries events to match, number and store, from Dispatcher.Publish and
	// Test. Once the router has begun it, an answer follows; while the dispatcher stops,
	// it may be lost, and the publisher stops waiting.
	publication struct {
		events []webhook.Event
		only   webhook.EndpointNumber // for a test: this endpoint, whatever it subscribed to
		bytes  int64                  // of memory, held until the last chunk is passed on
		done   chan published         // buffered
		// claimed is set once: by the router when it begins, or by a publisher that
		// no longer waits.
		claimed atomic.Bool

		// The router owns these: the index of the next event, and the events that are
		// matched and not handed to storage yet.
		next  int
		chunk chunk
		// receipts are those of all events; storage's own slice if they came in one
		// piece. err is why some events were not stored.
		receipts []webhook.Receipt
		err      atomic.Pointer[error]
		// left is how many answers of storage must come before the last one, less those
		// that have come.
		left atomic.Int32
	}
	// published is the answer to a publication, from the router or storage's callback.
	published struct {
		receipts []webhook.Receipt
		err      error
	}
	// endpointChanged carries an endpoint as it is stored, from Dispatcher.EndpointChanged;
	// the router passes it on to the supervisor. If it is lost, changes take effect at the
	// next start of the endpoint's actor, and new event types at the next start of the server.
	endpointChanged struct {
		endpoint webhook.Endpoint
		bare     bool // without secrets and headers: another node changed it
	}
	// refresh makes the router read what other nodes have changed, from
	// Dispatcher.Refresh, or from storage's callback if it refused events. The latter
	// must not be lost; mailboxes lose nothing.
	refresh struct{ behind bool }
	// changesRead carries what other nodes have changed, from the router's own read.
	changesRead struct {
		endpoints []webhook.Endpoint
		version   uint64 // that includes them
		hold      *hold  // on the registrations since before the read; nil for none
		err       error
	}
	// publishMore continues the publications that wait, from storage's callback: storage
	// has room again. If it is lost they wait for the next one.
	publishMore struct{}
	// footprintQuery asks what a client has registered, from Dispatcher.Footprint. It may
	// be lost: the question times out.
	footprintQuery struct {
		client string
		reply  chan webhook.Footprint // buffered
	}
	// listQuery asks for some endpoints, from Dispatcher.List. It may be lost: the question
	// times out.
	listQuery struct {
		query webhook.EndpointQuery
		reply chan webhook.EndpointNumbers // buffered
	}
	// pendingQuery asks whether the client of an endpoint may have more pending, from
	// Dispatcher.Replay; the answer is the error if not. It may be lost.
	pendingQuery struct {
		number webhook.EndpointNumber
		reply  chan error // buffered
	}
	// closeRouter makes the router refuse all publications, from Dispatcher.Stop.
	closeRouter struct{}
)

// To the supervisor. None is counted.
type (
	// accepted carries durable events with their receipts, from storage's callback. With
	// many deliveries, the supervisor sends the message on to itself in between. If it is
	// lost, the deliveries wait for the next one of their endpoints, or the watchdog.
	accepted struct {
		publication *publication
		events      []webhook.Event
		receipts    []webhook.Receipt
		last        bool // the publication's last chunk
		// event and endpoint are where the supervisor continues.
		event, endpoint int
	}
	// wakeEndpoint carries pending work that was found in storage, at start or of parts
	// that were gained, from the dispatcher's waker. If it is lost, the watchdog finds the work.
	wakeEndpoint struct{ wake webhook.Wake }
	// audit carries an endpoint's due deliveries, from the watchdog; the supervisor asks
	// the endpoint's actor (then it is counted), or judges itself. It may be lost: the
	// next round asks again.
	audit struct{ wake webhook.Wake }
	// forEndpoint carries a message to an endpoint's actor, from the Dispatcher's
	// requests. The actor is started for it, unless the supervisor knows the answer.
	forEndpoint struct {
		number  webhook.EndpointNumber
		message any
	}
	// childIdle says that an actor has nothing to do, from that actor. The supervisor
	// stops it if it has handled all that was sent to it. If it is lost or refused, the
	// actor sends another after its next message.
	childIdle struct {
		number webhook.EndpointNumber
		who    *actor.PID
		seen   uint64 // how many counted messages the actor had handled
		idle   lane.Idle
	}
	// drain makes all endpoint actors finish what is in flight and start nothing, from
	// Dispatcher.Stop; done is closed then.
	drain struct{ done chan struct{} }
	// childDrained says that one actor has done so, from that actor. If it is lost, the
	// stop runs into its timeout.
	childDrained struct{ number webhook.EndpointNumber }
	// partsGained and partsLost say which parts this node delivers to, from GainParts,
	// DrainParts and DropParts. They must not be lost; mailboxes lose nothing.
	partsGained struct{ parts webhook.Parts }
	partsLost   struct {
		parts   webhook.Parts
		drained func(webhook.Part) // nil if nobody waits
	}
	// hinted carries a hint of another node, from Dispatcher.Offer. With many endpoints, the
	// supervisor sends the message on to itself in between. It may be lost: an audit finds
	// the deliveries.
	hinted struct {
		hint Hint
		next int // the endpoint at which the supervisor continues
	}
	// wakeDue says that children may be due, from the supervisor's timer.
	wakeDue struct{}
	// defaultsChanged says that the defaults of settings or their ceilings changed, from
	// Dispatcher.SetDefaults; the supervisor passes it on to all actors (then it is
	// counted). If it is lost, actors follow at their next start.
	defaultsChanged struct{}
	// forgetChildren forgets children that hold nothing, from the supervisor's timer.
	forgetChildren struct{}
)

// To an endpoint's actor, from the supervisor. All are counted, besides audit,
// defaultsChanged and lane.Change, which carries a client's change of one delivery.
type (
	// notOffered says that deliveries were stored, from an ID on, that the inbox had no
	// room for. If it is lost, they wait for the next one, or the watchdog.
	notOffered struct {
		from   webhook.ID
		byHand bool // a person asked for them: one is sent even if others cannot be
	}
	// configured carries the endpoint as it is stored after a change. If it is lost, the
	// change takes effect at the actor's next start.
	configured struct{ endpoint webhook.Endpoint }
	// outdated says that another node has changed the endpoint. If it is lost, the change
	// takes effect at the actor's next start.
	outdated struct{}
	// healthQuery asks how the endpoint is doing, progressQuery what its deliveries wait
	// for. They may be lost: the question times out.
	healthQuery   struct{ reply chan healthAnswer }
	progressQuery struct{ reply chan webhook.Progress }
	// drainEndpoint makes the actor finish what is in flight and start nothing;
	// childDrained follows.
	drainEndpoint struct{}
)

// To an endpoint's actor, from its own work. None is counted: the lane knows what it
// waits for, and is not idle meanwhile. If an actor panics, these are lost with it, and
// the next actor starts the work again.
type (
	// inboxReady says that the inbox holds something new, from whoever put it there.
	// Another one follows only after the actor has looked, so it must not be lost while
	// the actor runs; mailboxes lose nothing.
	inboxReady struct{}
	// loaded carries the endpoint and its saved breaker, from the first read.
	loaded struct {
		endpoint webhook.Endpoint
		gate     webhook.GateState
		err      error
	}
	// reloaded carries the endpoint again, because the defaults of its settings or another
	// node changed it.
	reloaded struct {
		endpoint webhook.Endpoint
		wanted   int // of the actor, when the read began
		err      error
	}
	// queueRead carries the next deliveries of the queue.
	queueRead struct {
		due []*lane.Entry
		all bool // the read reached the end of the queue
		err error
	}
	// scheduleRead carries the next deliveries of the retry schedule, and when the first
	// one after them is due.
	scheduleRead struct {
		due  []*lane.Entry
		next webhook.DueTime
		// ahead: nothing was due, and due holds entries dated too far in the future, left
		// by a clock that ran fast.
		ahead bool
		err   error
	}
	// changeDone carries storage's answer to a client's change of a delivery.
	changeDone struct {
		change *lane.Change
		due    *lane.Entry // requeued, with its payload
		// noMemory: requeued, but there is no memory for the payload.
		noMemory bool
		answer   lane.Answer
	}
	// cancelledSome carries how many deliveries of a deleted endpoint were cancelled.
	cancelledSome struct {
		n   int
		err error
	}
	// permitKept says that a permit for an attempt is kept for the endpoint, from
	// limit.Permits.
	permitKept struct{}
	// wake says that the actor may have something to do, from its timer.
	wake struct{}
)
