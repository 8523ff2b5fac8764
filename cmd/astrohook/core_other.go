//go:build unix && !linux

package main

// forbidCoreDumps keeps what the process has in memory, secrets among it, out of
// core files.
func forbidCoreDumps() error { return limitCore() }
