package inbound

import (
	"errors"

	"github.com/valyala/fasthttp"
)

// The kinds of refusal. Each stands for one status of the answer, which httpapi's
// table of errors names.
var (
	// ErrMalformed means that the bytes are no HTTP/1.1 request, or that two servers
	// could disagree about where the request ends.
	ErrMalformed = errors.New("the request is not well-formed")
	// ErrExpectation means an Expect other than 100-continue.
	ErrExpectation = errors.New("the expectation cannot be met")
	// ErrTooLarge means that the body is larger than MaxBody, or is announced to be.
	ErrTooLarge = errors.New("the body is too large")
	// ErrHeadTooLarge means that request line and headers are larger than MaxHead.
	ErrHeadTooLarge = errors.New("the head is too large")
	// ErrTimeout means that the request did not arrive in time.
	ErrTimeout = errors.New("the request took too long")
	// ErrGivenUp means that the connection was closed to make room for another while
	// its request arrived. Nobody can read the answer.
	ErrGivenUp = errors.New("the connection was given up for another")
	// ErrNoMemory means that the memory for large bodies is used up: that of this
	// caller if the cause is webhook.ErrShareUsed, that of all if it is
	// webhook.ErrAllUsed.
	ErrNoMemory = errors.New("too many large bodies are being received")
)

// Refusal says why a request is refused.
type Refusal struct {
	// Kind is one of the sentinel errors of this package.
	Kind error
	// Detail is a sentence for the caller.
	Detail string
	// Field is the header at fault, or "body"; empty if neither is.
	Field string
	// Cause is the error behind the refusal, for the log; nil if there is none.
	Cause error
}

// Error returns the cause's text if there is a cause, otherwise the detail.
func (r *Refusal) Error() string {
	if r.Cause != nil {
		return r.Cause.Error()
	}
	return r.Detail
}

// Unwrap returns the kind and the cause.
func (r *Refusal) Unwrap() []error {
	if r.Cause == nil {
		return []error{r.Kind}
	}
	return []error{r.Kind, r.Cause}
}

func malformed(detail string) error { return &Refusal{Kind: ErrMalformed, Detail: detail} }

// malformedHeader refuses a header; reason continues a sentence that begins with the
// header's name.
func malformedHeader(name, reason string) error {
	return &Refusal{Kind: ErrMalformed, Detail: name + " " + reason, Field: name}
}

func bodyTooLarge() error {
	return &Refusal{Kind: ErrTooLarge, Detail: "body is larger than 1024 KiB", Field: "body"}
}

// timeout is the part of net.Error that errors of deadlines have everywhere, in tests
// too.
type timeout interface {
	error
	Timeout() bool
}

// unreadable explains an error of reading a request: fasthttp's, or the connection's.
func unreadable(err error) *Refusal {
	if _, small := errors.AsType[*fasthttp.ErrSmallBuffer](err); small {
		return &Refusal{Kind: ErrHeadTooLarge, Detail: "the request line and the headers are larger than 16 KiB", Cause: err}
	}
	if t, is := errors.AsType[timeout](err); is && t.Timeout() {
		return &Refusal{Kind: ErrTimeout, Detail: "the request did not arrive in time", Cause: err}
	}
	return &Refusal{Kind: ErrMalformed, Detail: "this is not a valid HTTP request", Cause: err}
}
