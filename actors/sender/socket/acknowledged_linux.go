package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// acknowledged reads tcpi_bytes_acked (RFC 4898, tcpEStatsAppHCThruOctetsAcked),
// which Linux counts since 4.1. Only requests that failed ask for it.
func acknowledged(raw syscall.RawConn) (bytes uint64, ok bool) {
	var info *unix.TCPInfo
	var failure error
	err := raw.Control(func(fd uintptr) {
		info, failure = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || failure != nil || info.Bytes_acked == 0 { // older systems leave it at 0
		return 0, false
	}
	return info.Bytes_acked - 1, true // the SYN counts as the first byte
}
