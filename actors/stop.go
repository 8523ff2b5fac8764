package actors

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Stop waits until the attempts in flight have ended and are recorded. When ctx ends
// first, it cuts them off through Options.Abort; their deliveries stay pending, and the
// error says so. Later calls return the first one's error. Storage must still run.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.stopOnce.Do(func() { d.stopErr = d.stop(ctx) })
	return d.stopErr
}

// stop ends what takes work before what does it: first the waker and new publications,
// then attempts and reads, whose results actors still handle, then the actors.
func (d *Dispatcher) stop(ctx context.Context) error {
	if d.router == nil { // never started
		return nil
	}
	d.wakerStop()
	d.waker.Wait()
	root := d.shared.root
	root.Send(d.router, &closeRouter{})
	done := make(chan struct{})
	root.Send(d.supervisor, &drain{done})
	err := d.awaitDrain(ctx, done)
	d.shared.attempts.Close()
	d.shared.end()
	d.shared.reads.Close()
	// The supervisor stops its children first, and ends after the last one.
	err = errors.Join(err, root.StopFuture(d.supervisor).Wait(), root.StopFuture(d.router).Wait())
	d.saveLast()
	d.system.Shutdown()
	d.shared.mailboxes.Close()
	close(d.stopped)
	return err
}

// lastSave bounds how long a stop takes to store what was counted.
const lastSave = 2 * time.Second

// saveLast stores what was counted since the last minute. If storage cannot, that minute is
// all that is lost, and storage has said why.
func (d *Dispatcher) saveLast() {
	ctx, cancel := context.WithTimeout(context.Background(), lastSave)
	defer cancel()
	d.shared.survey.Note(time.Now(), d.shared.metrics.counts(), d.shared.store.Pending())
	_ = d.figures.Save(ctx)
}

// errCutOff is part of Stop's error when its context ended before the attempts did.
var errCutOff = errors.New("attempts in flight were cut off; their deliveries stay pending")

// abortGrace bounds how long attempts that were cut off may take to end.
const abortGrace = 5 * time.Second

// awaitDrain waits until all actors have drained, or ctx ends, or the dispatcher has
// failed: without a supervisor nobody reports the drain.
func (d *Dispatcher) awaitDrain(ctx context.Context, done chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-d.failed:
	case <-ctx.Done():
	}
	d.shared.aborted.Store(true)
	d.shared.options.Abort()
	select {
	case <-done:
	case <-time.After(abortGrace):
	}
	return errors.Join(errCutOff, ctx.Err())
}

// drain makes all actors finish what is in flight, and start nothing. done is closed
// when all have.
func (s *supervisor) drain(c actor.Context, done chan struct{}) {
	s.draining = done
	for _, to := range s.byPID {
		s.drainChild(c, to)
	}
	s.closeIfDrained()
}

// drainChild also runs for an actor that starts during the stop: it has outcomes of one
// that panicked to record, or a question to answer.
func (s *supervisor) drainChild(c actor.Context, to *child) {
	s.undrained++
	to.drainReported = false
	s.askToDrain(c, to)
}

func (s *supervisor) askToDrain(c actor.Context, to *child) {
	to.sent++
	c.Send(to.pid, &drainEndpoint{})
}

// childDrained counts an actor that has drained, once.
func (s *supervisor) childDrained(to *child) {
	if s.draining == nil || to == nil || to.drainReported {
		return
	}
	to.drainReported = true
	s.undrained--
	s.closeIfDrained()
}

// closeIfDrained ends the wait of Dispatcher.Stop. An actor that starts later drains,
// too, which must not close the channel again.
func (s *supervisor) closeIfDrained() {
	if s.undrained == 0 {
		select {
		case <-s.draining: // closed already
		default:
			close(s.draining)
		}
	}
}
