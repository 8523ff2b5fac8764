//go:build unix && !linux

package process

// ForbidCoreDumps keeps the process's memory, which holds secrets, out of core files.
func ForbidCoreDumps() error { return limitCore() }
