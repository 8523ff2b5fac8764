package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// Blocks that were written before are synced in half the time of new ones. So a log
// that is not needed any more becomes the next one, and is the spare log in between.
// The first spare log is made of zeros in the background.

const (
	spareName = "SPARE"
	// fillAfter is the number of commits since the start that make a spare log pay.
	fillAfter = 512
	// fillChunk bytes are written and synced at a time, and then the disk is left to the
	// commits for fillPause.
	fillChunk = 1 << 20
	fillPause = 5 * time.Millisecond
)

// spareLog sees to it that logs are used again. The zero value does nothing. Start uses
// it, and then only the writer.
type spareLog struct {
	path    string // the file that becomes the next log; empty: none does
	size    int64  // how many bytes a log takes
	needs   int64  // how many must be free to make one
	commits int    // since the start, until a spare log was made
	making  func() // makes one in the background
	made    chan struct{}
}

// newSpareLog returns the spare log of a database. Where the disk is so small that logs
// are, there is none.
func newSpareLog(dir string, sizes spaceSizes) spareLog {
	if dir == "" || sizes.log < memtableSize {
		return spareLog{}
	}
	return spareLog{
		path:  filepath.Join(dir, spareName),
		size:  sizes.blocks(),
		needs: sizes.needed(largestMerge) + sizes.ballast(),
		made:  make(chan struct{}, 1),
	}
}

// begin has logs used again from now on. If a spare one is there, the second commit
// uses it. ctx ends what begin or committed have begun in the background.
func (s *spareLog) begin(ctx context.Context, db *DB) {
	if s.path == "" {
		return
	}
	reuseLogs(db.badger, s.path)
	s.making = func() { db.background.Go(func() { s.make(ctx) }) }
	if _, err := os.Lstat(s.path); err == nil {
		s.made <- struct{}{}
	}
}

// committed is called after each commit. free returns how many bytes of the disk are.
func (s *spareLog) committed(db *badger.DB, free func() (int64, error)) {
	select {
	case <-s.made:
		endLog(db)
	default:
	}
	if s.making == nil {
		return
	}
	if s.commits++; s.commits < fillAfter {
		return
	}
	if left, err := free(); err == nil && left >= s.needs && !logIsFilled(db) {
		s.making()
	}
	s.making = nil
}

// make makes a spare log of zeros, unless there is one. When that fails, or ctx ends,
// there is none: commits take longer, and nothing else depends on it.
func (s *spareLog) make(ctx context.Context) {
	if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	unfinished := s.path + ".new"
	err := s.fill(ctx, unfinished)
	if err == nil {
		err = os.Rename(unfinished, s.path)
	}
	if err != nil {
		_ = os.Remove(unfinished)
		return
	}
	s.made <- struct{}{}
}

// fill writes a file of the size of a log, with zeros as far as a log is written.
func (s *spareLog) fill(ctx context.Context, path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // each write was synced
	zeros := make([]byte, fillChunk)
	for at := int64(0); at < s.size; at += fillChunk {
		if !pause(ctx, fillPause) {
			return ctx.Err()
		}
		if _, err := file.WriteAt(zeros, at); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
	}
	return errors.Join(file.Truncate(logSize), file.Sync())
}

// drop removes the spare log: a full disk needs its space.
func (s *spareLog) drop() {
	if s.path != "" {
		_ = os.Remove(s.path)
	}
}
