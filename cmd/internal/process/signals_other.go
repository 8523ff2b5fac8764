//go:build !unix

package process

// IgnoreBrokenPipe does nothing: the system has no SIGPIPE.
func IgnoreBrokenPipe() {}
