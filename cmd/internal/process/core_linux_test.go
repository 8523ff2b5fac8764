package process

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestForbidCoreDumps asks the system; cmd/internal/e2e looks for the file.
func TestForbidCoreDumps(t *testing.T) {
	if err := ForbidCoreDumps(); err != nil {
		t.Fatal(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	var limit unix.Rlimit
	if err != nil || dumpable != 0 || unix.Getrlimit(unix.RLIMIT_CORE, &limit) != nil || limit != (unix.Rlimit{}) {
		t.Errorf("dumpable %d, %v; limit %+v", dumpable, err, limit)
	}
}
