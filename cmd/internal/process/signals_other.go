//go:build !unix

package process

// IgnoreSignals does nothing: the system has no SIGPIPE.
func IgnoreSignals() (end func()) { return func() {} }
