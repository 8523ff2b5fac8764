// Package socket asks the operating system about a TCP connection: whether
// anything arrived while nobody read, and how many bytes the other side's system
// has acknowledged.
//
// What belongs here: questions that differ between systems, each with an answer
// for systems that cannot be asked. What does not: reading, writing, and what the
// answers mean for a request; actors/sender decides that.
package socket

import (
	"net"
	"syscall"
)

// Socket is the socket below a connection. It belongs to one goroutine at a time.
type Socket struct {
	raw   syscall.RawConn
	plain bool // writes to the connection go to the socket and nowhere else
	probe probe
}

// Of returns the socket of a connection, or nil if there is none, as with
// connections in memory or through TLS.
func Of(conn net.Conn) *Socket {
	has, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := has.SyscallConn()
	if err != nil {
		return nil
	}
	_, plain := conn.(*net.TCPConn)
	s := &Socket{raw: raw, plain: plain}
	s.probe.init()
	return s
}

// CanAsk reports whether Ask may stand for a Write and the wait after it: the
// connection is nothing but a socket, on a system that can wait for one.
func (s *Socket) CanAsk() bool { return s.plain && canAsk }

// Quiet reports, without waiting, whether there is nothing to read: no byte, no
// end, no error. It is true on systems that cannot be asked; the next read finds
// out there. It does not allocate, because each request on a kept connection asks.
func (s *Socket) Quiet() bool { return s.probe.quiet(s.raw) }

// Acknowledged returns how many of the bytes written to the connection the other
// side's system has acknowledged. ok is false if the system does not count them,
// or if the socket is not one of TCP.
func (s *Socket) Acknowledged() (bytes uint64, ok bool) { return acknowledged(s.raw) }
