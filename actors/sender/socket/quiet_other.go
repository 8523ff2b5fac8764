//go:build !unix

package socket

import "syscall"

// canAsk reports whether Ask works on this system.
const canAsk = false

// probe knows nothing on this system: the read of the next response finds out what
// arrived on an idle socket.
type probe struct{}

func (*probe) init() {}

func (*probe) quiet(syscall.RawConn) bool { return true }

func (*probe) ask(syscall.RawConn, Question, bool) bool { return false }
