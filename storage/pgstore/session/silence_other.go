//go:build !linux

package session

import "syscall"

// limitSilence does nothing: other systems have no such setting.
func limitSilence(string, string, syscall.RawConn) error { return nil }
