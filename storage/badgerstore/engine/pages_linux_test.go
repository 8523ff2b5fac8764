package engine

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// residentTables returns how many KiB of tables are in the process's memory.
func residentTables(t *testing.T, dir string) (total int) {
	t.Helper()
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	table := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 5 && strings.Contains(fields[0], "-"):
			table = strings.HasPrefix(fields[len(fields)-1], dir) && strings.HasSuffix(fields[len(fields)-1], ".sst")
		case table && fields[0] == "Rss:":
			n, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
	}
	return total
}

// TestPagesAreReleased: what was read of the tables does not stay in memory.
func TestPagesAreReleased(t *testing.T) {
	needPatch(t)
	dir := t.TempDir()
	fill(t, dir, 2000)
	synctest.Test(t, func(t *testing.T) {
		w := openWriter(t, Options{Dir: dir, NoSync: true})
		time.Sleep(time.Second) // the scrub has read the table, and released it
		for n := range 2000 {
			exists(t, w.DB, patchKey(n))
		}
		if residentTables(t, dir) == 0 {
			t.Fatal("nothing of the tables was read")
		}
		time.Sleep(releaseInterval)
		w.commit(t, 0, 1) // commits drive the release
		synctest.Wait()
		if n := residentTables(t, dir); n > 0 {
			t.Errorf("%d KiB of the tables are still in memory", n)
		}
	})
}
