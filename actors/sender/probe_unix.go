//go:build unix

package sender

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// socketProbe asks the kernel about an idle socket. It keeps what the call
// needs, so that asking costs no allocation.
type socketProbe struct {
	poll   func(fd uintptr)
	fds    [1]unix.PollFd
	silent bool
}

func (p *socketProbe) init() {
	p.poll = func(fd uintptr) {
		p.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		n, err := unix.Poll(p.fds[:], 0)
		p.silent = n == 0 && err == nil
	}
}

// quiet tells that there is nothing to read: no byte, no end, no error.
func (p *socketProbe) quiet(socket syscall.RawConn) bool {
	p.silent = false
	return socket.Control(p.poll) == nil && p.silent
}
