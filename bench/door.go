package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// door is an address where connections are refused until it is opened: the socket
// is bound, so that nobody else gets the port, but does not listen yet.
type door struct {
	socket  *os.File
	address string
	// opened is closed by close once it serves; nil before.
	opened net.Listener
}

// newDoor makes a closed door on a free port of a host, an IP address.
func newDoor(host string) (*door, error) {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil, fmt.Errorf("make a door: %w", err)
	}
	family, address := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Addr: ip4(ip)})
	if ip.Is6() {
		family, address = unix.AF_INET6, &unix.SockaddrInet6{Addr: ip.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make a door: %w", err)
	}
	d := &door{socket: os.NewFile(uintptr(fd), "door")}
	if err := unix.Bind(fd, address); err != nil {
		return nil, errors.Join(fmt.Errorf("make a door: bind: %w", err), d.close())
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a door: %w", err), d.close())
	}
	d.address = net.JoinHostPort(host, fmt.Sprint(portOf(bound)))
	return d, nil
}

// ip4 gives an IPv4 address's bytes; zeros for another one's.
func ip4(ip netip.Addr) (raw [4]byte) {
	if ip.Is4() {
		raw = ip.As4()
	}
	return raw
}

func portOf(address unix.Sockaddr) int {
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return a.Port
	case *unix.SockaddrInet6:
		return a.Port
	}
	return 0
}

// open lets connections in.
func (d *door) open() (net.Listener, error) {
	if err := unix.Listen(int(d.socket.Fd()), unix.SOMAXCONN); err != nil {
		return nil, fmt.Errorf("open the door: %w", err)
	}
	listener, err := net.FileListener(d.socket)
	if err != nil {
		return nil, fmt.Errorf("open the door: %w", err)
	}
	d.opened = listener
	return listener, nil
}

// close refuses connections for good.
func (d *door) close() error {
	if d == nil {
		return nil
	}
	err := d.socket.Close()
	if d.opened != nil {
		err = errors.Join(err, d.opened.Close())
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the door: %w", err)
	}
	return nil
}

// makeDoor replaces the receiver's door with a closed one.
func (r *receiver) makeDoor() (string, error) {
	if err := r.closeDoor(); err != nil {
		return "", err
	}
	d, err := newDoor(r.listenOn)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.door = d
	return d.address, nil
}

var errNoDoor = errors.New("there is no closed door")

// openDoor serves deliveries on the door.
func (r *receiver) openDoor() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.door == nil || r.door.opened != nil {
		return errNoDoor
	}
	listener, err := r.door.open()
	if err != nil {
		return err
	}
	server := r.server()
	go func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, net.ErrClosed) {
			fmt.Fprintln(os.Stderr, "serve behind the door:", err)
		}
	}()
	return nil
}

func (r *receiver) closeDoor() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.door
	r.door = nil
	return d.close()
}
