//go:build faults

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// TestFaultClusterDisk fills the disk of the database under load, to the last byte. As soon
// as it finds no room for its log, PostgreSQL ends as a whole. All nodes refuse publishers,
// and continue by themselves once there is room and the database runs.
func TestFaultClusterDisk(t *testing.T) {
	rounds := faults(t, 1, 20)
	volume := publicDir(t)
	mountAt(t, volume, "size=600m")
	database, err := pgtest.Start(t.Context(), pgtest.Options{
		Sync: true, Dir: volume, Settings: map[string]string{"min_wal_size": "32MB", "max_wal_size": "64MB"},
	})
	if errors.Is(err, pgtest.ErrMissing) {
		leaveOut(t, err.Error())
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	url, err := database.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, clusterOptions{url: url, node: func(_ *clusterTrial, _ int, s *server) {
		s.env = append(s.env, "ASTROHOOK_REQUIRE_STANDBY=false")
	}})
	c.inBlocks(rounds, func() {
		c.during(func() {
			filling := filepath.Join(volume, "filling")
			fill(t, volume, filling, 0)
			for _, node := range c.nodes {
				c.awaitRefusal(node)
			}
			if err := os.Remove(filling); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(database.Kill(), database.Restart(t.Context())); err != nil {
				t.Fatal(err)
			}
			c.awaitAcknowledged(500)
		})
	})
	c.wantNobodyDead()
}

// publicDir returns an empty folder that every user can enter, unlike t.TempDir's.
func publicDir(t *testing.T) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "astrohook-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // only temporary files are left
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
