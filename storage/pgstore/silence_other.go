//go:build !linux

package pgstore

import "syscall"

// limitSilence does nothing: other systems have no such setting.
func limitSilence(string, string, syscall.RawConn) error { return nil }
