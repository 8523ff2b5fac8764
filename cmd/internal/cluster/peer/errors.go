package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/corpastro/astrohook/webhook"
)

// Errors of the transport, as the answering node sees them.
var (
	errStranger   = errors.New("the request is for another node, or from one that is not known")
	errNoSuchPath = errors.New("this node has no such path")
	errRepeated   = errors.New("the request has come before")
	errTooLarge   = errors.New("the request has no length, or is too large")
	errBody       = errors.New("the body is not the one that was announced")
)

// ErrAway reports that a node could not be reached, or gave no answer that can be
// believed. Whether it has done what it was asked for is not known.
var ErrAway = errors.New("the node cannot be reached")

// codes are the errors that cross between nodes, by name. An error that is none of them
// crosses as "failed", without its text.
var codes = []struct {
	name string
	err  error
}{
	{"stranger", errStranger},
	{"no_such_path", errNoSuchPath},
	{"repeated", errRepeated},
	{"too_large", errTooLarge},
	{"body", errBody},
	{"hints", errHint},
	{"not_found", webhook.ErrNotFound},
	{"conflict", webhook.ErrConflict},
	{"disk_reserve", webhook.ErrDiskReserve},
	{"too_many_pending", webhook.ErrTooManyPending},
	{"client_limit", webhook.ErrClientLimit},
	{"share_used", webhook.ErrShareUsed},
	{"all_used", webhook.ErrAllUsed},
	{"shutting_down", webhook.ErrShuttingDown},
	{"unavailable", webhook.ErrUnavailable},
	{"fenced", webhook.ErrFenced},
	{"timeout", context.DeadlineExceeded},
}

const codeFailed = "failed"

// codeOf returns the name that an error crosses under; "" for none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	for _, known := range codes {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	return codeFailed
}

// errorOf returns the error that a name stands for.
func errorOf(code string) error {
	if code == "" {
		return nil
	}
	for _, known := range codes {
		if code == known.name {
			return fmt.Errorf("the other node answered: %w", known.err)
		}
	}
	return errors.New("the other node failed")
}

// Errors of two nodes that cannot talk to each other before the settings of one change.
var (
	// ErrDistrust reports that two nodes have certificates of different authorities.
	ErrDistrust = errors.New("its certificate and those of this node are not of one authority")
	// ErrOneSided reports that one of two nodes talks over TLS, and the other does not.
	ErrOneSided = errors.New("one of the two nodes talks over TLS, and the other does not: all of a cluster do, or none")
)

// misfit returns the lasting reason, if there is one, for which a request found no answer:
// ErrDistrust, ErrOneSided, or nil.
func misfit(err error) error {
	switch {
	case errors.Is(err, http.ErrSchemeMismatch), errors.Is(err, errWantsTLS):
		return ErrOneSided
	case distrusts(err):
		return ErrDistrust
	}
	return nil
}

// errWantsTLS reports the answer that net/http gives to a request without TLS.
var errWantsTLS = errors.New("the node expects TLS")

// wantsTLS reports whether an answer is that one. A node of this program gives no other
// answer with this status.
func wantsTLS(status int, content []byte) bool {
	return status == http.StatusBadRequest && bytes.Contains(content, []byte("HTTP request to an HTTPS server"))
}

// distrusts reports whether a request failed because of the certificates. The side that
// refuses a client's may end the connection before its reason arrives: then it does not.
func distrusts(err error) bool {
	var verifying *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var remote *net.OpError
	return errors.As(err, &verifying) || errors.As(err, &plain) ||
		errors.As(err, &remote) && remote.Op == "remote error" && strings.Contains(remote.Error(), "tls: ")
}
