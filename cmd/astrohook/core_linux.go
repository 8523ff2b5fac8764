package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// forbidCoreDumps keeps what the process has in memory, secrets among it, out of
// core files. The limit is for those that the system writes itself; a program that
// it hands cores to would get one regardless, but for a process that is not
// dumpable. Nor can a debugger attach to one, but root's (prctl(2), core(5)).
func forbidCoreDumps() error {
	if err := limitCore(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}
