package webhook

import (
	"errors"
	"time"
)

// Errors that cross from one part of the server to another. Each part wraps them with
// what it was doing; httpapi maps them to answers in one table.
var (
	// ErrNotFound reports that there is no such thing, or that it belongs to another
	// client: the two must look the same.
	ErrNotFound = errors.New("not found")
	// ErrExists reports that a thing of that name exists already.
	ErrExists = errors.New("already exists")
	// ErrConflict reports that the present state of a thing does not allow the change.
	ErrConflict = errors.New("conflict with the present state")
	// ErrKeyReused reports that the idempotency key was used for another event.
	ErrKeyReused = errors.New("idempotency key was used for another event")
	// ErrTooManyPending reports that a limit on pending deliveries is reached; try again
	// later.
	ErrTooManyPending = errors.New("too many deliveries pending")
	// ErrClientLimit reports that the client has as much of something as it may have.
	ErrClientLimit = errors.New("the client's limit is reached")
	// ErrShareUsed reports that the caller has as much under way as it may have; try again
	// later.
	ErrShareUsed = errors.New("too much is under way for this caller")
	// ErrAllUsed reports that all callers together have too much under way; try again later.
	ErrAllUsed = errors.New("too much is under way")
	// ErrDiskReserve reports that free disk space is below the reserve; try again later.
	ErrDiskReserve = errors.New("free disk space is below the reserve")
	// ErrShuttingDown reports that the server is stopping; try again later.
	ErrShuttingDown = errors.New("shutting down")
	// ErrFanOut reports that an event matches more endpoints than the store can note in
	// one transaction, some two million.
	ErrFanOut = errors.New("event matches too many webhooks")
	// ErrBroken reports that storage failed to commit and accepts nothing more. It is
	// fatal: the process must restart, so that what is on disk is read again.
	ErrBroken = errors.New("storage is broken")
	// ErrUnavailable reports that storage cannot be reached at present; try again later.
	// Whether a write was stored is not known.
	ErrUnavailable = errors.New("storage cannot be reached")
	// ErrStale reports that registrations changed since the events were matched. Nothing
	// was stored; match them again.
	ErrStale = errors.New("registrations have changed")
	// ErrFenced reports that the cluster took this node for dead and gave its work to
	// others. Nothing that it writes is stored any more: it must join again.
	ErrFenced = errors.New("the cluster has fenced this node off")
	// ErrBlockedAddress reports that the address guard refused every address of the target.
	ErrBlockedAddress = errors.New("address not allowed")
)

// FieldError reports which field of an input is wrong, and why.
type FieldError struct {
	// Field is a path from the document's root: "target_url", "retry_policy.max_attempts",
	// "events[3].data"; "" is the document itself.
	Field string
	// Reason continues a sentence that begins with the field's name: "is longer than 256
	// characters".
	Reason string
	// Cause is the sentinel that the error also is, nil if there is none.
	Cause error
}

// Error returns the field and the reason as one sentence part.
func (e *FieldError) Error() string {
	if e.Field == "" {
		return "the value " + e.Reason
	}
	return e.Field + " " + e.Reason
}

// Unwrap returns the cause.
func (e *FieldError) Unwrap() error { return e.Cause }

// In returns the error as seen from outside of parent: the field "items[3]" of "data" is
// the field "data.items[3]" of the whole.
func (e *FieldError) In(parent string) *FieldError {
	field := parent + e.Field
	if parent != "" && e.Field != "" && e.Field[0] != '[' {
		field = parent + "." + e.Field
	}
	return &FieldError{Field: field, Reason: e.Reason, Cause: e.Cause}
}

// RetryAfterError is an error that ends by itself.
type RetryAfterError struct {
	Err error
	// After is how long the caller should wait before it tries again.
	After time.Duration
}

// Error returns the text of Err.
func (e *RetryAfterError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *RetryAfterError) Unwrap() error { return e.Err }
