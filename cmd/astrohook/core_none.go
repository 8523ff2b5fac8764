//go:build !unix

package main

// forbidCoreDumps does nothing here, where the server does not run.
func forbidCoreDumps() error { return nil }
