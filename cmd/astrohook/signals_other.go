//go:build !unix

package main

// ignoreSignals has nothing to ignore: the system has no such signals.
func ignoreSignals() (end func()) { return func() {} }
