package sender

import "golang.org/x/sys/unix"

// acknowledged returns how many of the bytes written to the connection the other
// side's system has acknowledged. It fails for what is not TCP.
func (cn *conn) acknowledged() (bytes uint64, ok bool) {
	if cn.socket == nil {
		return 0, false
	}
	var info *unix.TCPInfo
	var failure error
	err := cn.socket.Control(func(fd uintptr) {
		info, failure = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || failure != nil || info.Bytes_acked == 0 { // systems before Linux 4.1 do not count
		return 0, false
	}
	return info.Bytes_acked - 1, true // the first one is the connection request's
}
