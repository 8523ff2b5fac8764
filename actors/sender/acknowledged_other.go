//go:build !linux

package sender

// acknowledged fails: the system does not say.
func (*conn) acknowledged() (bytes uint64, ok bool) { return 0, false }
