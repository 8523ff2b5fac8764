//go:build unix

package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// probe polls a socket. It keeps the arguments of the call, because a closure made
// for each call would be an allocation for each request.
type probe struct {
	poll   func(fd uintptr)
	fds    [1]unix.PollFd
	silent bool // the result of poll
}

func (p *probe) init() {
	p.poll = func(fd uintptr) {
		p.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		n, err := unix.Poll(p.fds[:], 0) // 0: do not wait
		p.silent = n == 0 && err == nil
	}
}

func (p *probe) quiet(raw syscall.RawConn) bool {
	p.silent = false // Control does not call poll on a socket that was closed
	return raw.Control(p.poll) == nil && p.silent
}
