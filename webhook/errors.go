package webhook

import (
	"errors"
	"time"
)

// The errors that cross from one part to another. Each part wraps them with
// what it was doing; httpapi maps them to answers in one table.
var (
	// ErrNotFound: no such thing, or it is not the caller's.
	ErrNotFound = errors.New("not found")
	// ErrExists: a thing of that name is there already.
	ErrExists = errors.New("already exists")
	// ErrConflict: the thing's present state does not allow the change.
	ErrConflict = errors.New("conflict with the present state")
	// ErrKeyReused: the idempotency key was used for an event with another payload.
	ErrKeyReused = errors.New("idempotency key was used for another event")
	// ErrTooManyPending: a limit on undelivered work is reached; try again later.
	ErrTooManyPending = errors.New("too many deliveries pending")
	// ErrClientLimit: the client has as much as it may have of something.
	ErrClientLimit = errors.New("the client's limit is reached")
	// ErrShareUsed: the caller has as much under way as it may have; try again later.
	ErrShareUsed = errors.New("too much is under way for this caller")
	// ErrAllUsed: all callers together have too much under way; try again later.
	ErrAllUsed = errors.New("too much is under way")
	// ErrDiskReserve: free disk space is below the reserve; try again later.
	ErrDiskReserve = errors.New("free disk space is below the reserve")
	// ErrShuttingDown: the server is stopping; try again later.
	ErrShuttingDown = errors.New("shutting down")
	// ErrFanOut: one event matches more endpoints than the store can note with it, some two millions.
	ErrFanOut = errors.New("event matches too many webhooks")
	// ErrBroken: storage failed to commit and accepts nothing more. Fatal.
	ErrBroken = errors.New("storage is broken")
	// ErrBlockedAddress: the address guard refused every way to the target.
	ErrBlockedAddress = errors.New("address not allowed")
)

// FieldError says which field of an input is wrong, and why.
type FieldError struct {
	// Field is a path from the document's root: "target_url", "retry_policy.max_attempts",
	// "events[3].data"; "" is the document itself.
	Field string
	// Reason is a sentence part that reads on from the field's name: "is longer than 256 characters".
	Reason string
	// Cause is the sentinel that stands for the reason, nil if there is none.
	Cause error
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return "the value " + e.Reason
	}
	return e.Field + " " + e.Reason
}

// Unwrap gives the cause.
func (e *FieldError) Unwrap() error { return e.Cause }

// In gives the same error as seen from outside: the field as a part of parent.
// What is "items[3]" inside of "data" is "data.items[3]" of the whole.
func (e *FieldError) In(parent string) *FieldError {
	field := parent + e.Field
	if parent != "" && e.Field != "" && e.Field[0] != '[' {
		field = parent + "." + e.Field
	}
	return &FieldError{Field: field, Reason: e.Reason, Cause: e.Cause}
}

// RetryAfterError is an error that goes away by itself.
type RetryAfterError struct {
	Err   error
	After time.Duration
}

func (e *RetryAfterError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *RetryAfterError) Unwrap() error { return e.Err }
