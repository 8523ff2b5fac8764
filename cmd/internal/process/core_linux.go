package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ForbidCoreDumps keeps the process's memory, which holds secrets, out of core files.
// The limit stops files that the system writes itself. A program that the system pipes
// cores to ignores the limit; only a process that is not dumpable is safe from it, and
// then only root can attach a debugger (prctl(2), core(5)).
func ForbidCoreDumps() error {
	if err := limitCore(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}
