package receiver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// refusingListener is an address that refuses connections until accept is called: its
// socket is bound, so that no other process gets the port, and does not listen yet.
type refusingListener struct {
	socket  *os.File
	address string
	// accepting is the listener that accept returned; nil while connections are refused.
	accepting net.Listener
}

// newRefusingListener binds a free port of a host, an IP address.
func newRefusingListener(host string) (*refusingListener, error) {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil, fmt.Errorf("refuse connections: %w", err)
	}
	family, address := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Addr: ip4(ip)})
	if ip.Is6() {
		family, address = unix.AF_INET6, &unix.SockaddrInet6{Addr: ip.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("refuse connections: %w", err)
	}
	l := &refusingListener{socket: os.NewFile(uintptr(fd), "refusing listener")}
	if err := unix.Bind(fd, address); err != nil {
		return nil, errors.Join(fmt.Errorf("refuse connections: bind: %w", err), l.close())
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("refuse connections: %w", err), l.close())
	}
	l.address = net.JoinHostPort(host, fmt.Sprint(portOf(bound)))
	return l, nil
}

// ip4 returns the bytes of an IPv4 address, and zeros for an IPv6 address, which is bound
// in another way.
func ip4(ip netip.Addr) (raw [4]byte) {
	if ip.Is4() {
		raw = ip.As4()
	}
	return raw
}

// portOf returns the port that the kernel chose.
func portOf(address unix.Sockaddr) int {
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return a.Port
	case *unix.SockaddrInet6:
		return a.Port
	}
	return 0
}

// accept makes the socket listen, and returns the listener, which close closes.
func (l *refusingListener) accept() (net.Listener, error) {
	if err := unix.Listen(int(l.socket.Fd()), unix.SOMAXCONN); err != nil {
		return nil, fmt.Errorf("accept connections: %w", err)
	}
	listener, err := net.FileListener(l.socket)
	if err != nil {
		return nil, fmt.Errorf("accept connections: %w", err)
	}
	l.accepting = listener
	return listener, nil
}

// close refuses connections for good. It can be called on nil, and twice.
func (l *refusingListener) close() error {
	if l == nil {
		return nil
	}
	err := l.socket.Close()
	if l.accepting != nil {
		err = errors.Join(err, l.accepting.Close())
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the refusing listener: %w", err)
	}
	return nil
}
