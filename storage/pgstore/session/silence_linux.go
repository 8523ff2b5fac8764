package session

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// limitSilence sets how long bytes may stay unacknowledged before a connection fails.
func limitSilence(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		// Not so on a Unix socket, which cannot lose bytes.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
}
