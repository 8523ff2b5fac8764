package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// stack holds what was started, in order, so that it can be stopped in reverse. A failed
// start and a stop unwind the same stack: a part is stopped in one way only. It has no
// lock; the App's guards it.
type stack []started

// started is one part that runs.
type started struct {
	name string // for errors: "stop NAME: …"
	stop func(context.Context) error
}

// push adds a part that was just started, and how to stop it.
func (s *stack) push(name string, stop func(context.Context) error) {
	*s = append(*s, started{name, stop})
}

// unwind stops everything, the latest first. It continues after an error, returns all
// errors joined, and leaves the stack empty.
func (s *stack) unwind(ctx context.Context) error {
	var errs []error
	for _, part := range slices.Backward(*s) {
		if err := part.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", part.name, err))
		}
	}
	*s = nil
	return errors.Join(errs...)
}

// role starts a background loop. The function that it returns ends the loop's context
// and waits for the loop, until stopCtx ends: a loop may be inside a call to storage.
func role(run func(context.Context)) (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func(stopCtx context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-stopCtx.Done():
			return stopCtx.Err()
		}
	}
}
