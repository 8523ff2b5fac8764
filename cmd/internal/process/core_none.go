//go:build !unix

package process

// ForbidCoreDumps does nothing: the server does not run on this system.
func ForbidCoreDumps() error { return nil }
