//go:build unix

package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// canAsk reports whether Ask works on this system.
const canAsk = true

// probe makes system calls on a socket. It keeps their arguments, because a closure
// made for each call would be an allocation for each request.
type probe struct {
	poll   func(fd uintptr)
	fds    [1]unix.PollFd
	silent bool // the result of poll

	writeThenWait func(fd uintptr) (readable bool)
	question      Question
	kept          bool
	asked         bool // question was written, or a part of it
}

func (p *probe) init() {
	p.poll = func(fd uintptr) { p.silent = p.nothingArrived(fd) }
	p.writeThenWait = p.writeOnce
}

// nothingArrived polls the socket without waiting.
func (p *probe) nothingArrived(fd uintptr) bool {
	p.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	n, err := unix.Poll(p.fds[:], 0) // 0: do not wait
	return n == 0 && err == nil
}

func (p *probe) quiet(raw syscall.RawConn) bool {
	p.silent = false // Control does not call poll on a socket that was closed
	return raw.Control(p.poll) == nil && p.silent
}

func (p *probe) ask(raw syscall.RawConn, q Question, kept bool) bool {
	p.question, p.kept, p.asked = q, kept, false
	// The error is that of the wait, or of a closed socket. The next read has it, too.
	_ = raw.Read(p.writeThenWait)
	p.question = nil
	return p.asked
}

// writeOnce is what Read calls until it reports true: at first, and each time that
// the poller saw something arrive.
func (p *probe) writeOnce(fd uintptr) (readable bool) {
	if p.asked {
		return true
	}
	silent := p.nothingArrived(fd)
	if !silent && p.kept {
		return true
	}
	p.asked = true
	request := p.question.Bytes()
	n, err := unix.Write(int(fd), request)
	if err == unix.EAGAIN || err == unix.EINTR {
		n, err = 0, nil
	}
	n = max(n, 0)
	p.question.Written(n, err)
	return !silent || err != nil || n < len(request)
}
