package badgerstore

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childDir makes the test binary the child of TestKill.
const childDir = "BADGERSTORE_KILL_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runChild(dir); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	if text := os.Getenv(restoreChild); text != "" {
		runRestoreChild(text)
	}
	goleak.VerifyTestMain(m)
}
