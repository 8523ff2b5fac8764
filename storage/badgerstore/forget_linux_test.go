package badgerstore

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// residentTables is how many KiB of tables are in the process's memory.
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

// TestTablesAreForgotten: what was read of the tables does not stay in memory.
func TestTablesAreForgotten(t *testing.T) {
	needPatch(t)
	dir := dirWithTable(t)
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t, dir)
		time.Sleep(time.Second) // the scrub is over
		if _, err := s.Queued(1, webhook.ID{}, 1000, 1<<20); err != nil {
			t.Fatal(err)
		}
		if residentTables(t, dir) == 0 {
			t.Fatal("nothing of the tables was read")
		}
		time.Sleep(forgetInterval)
		acceptMany(t, s, 1, 1, 2) // forgetting goes with commits
		synctest.Wait()
		if n := residentTables(t, dir); n > 0 {
			t.Errorf("%d KiB of the tables are in memory still", n)
		}
	})
}
