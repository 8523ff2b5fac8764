package badgerstore

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"google.golang.org/protobuf/proto"
)

// A backup is a line that says so, all records in the form that Badger loads
// (lists of records, each with its length in front), and the SHA-256 of both,
// without which a backup that breaks off would look whole.
const backupTitle = "astrohook backup 1\n"

// backupChunk is about how many bytes of records make a list.
const backupChunk = 256 << 10

var errNoBackup = errors.New("not a whole backup")

// Backup writes all records to w, as they are when it is called: writes go on
// meanwhile, and are not in it. It keeps a few lists in memory, and on disk what
// is merged away meanwhile, until it is through or w fails or ctx ends. It verifies
// all tables first; what is damaged breaks the store.
//
// Badger's own stream is of no use here: it reads each range of keys at a moment
// of its own, so that a delivery which moves is in two places or in none, and it
// holds up to half a gigabyte for a reader that is slow.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return s.view("back up", func(tx *badger.Txn) error {
		if err := s.verifyNow(ctx); err != nil {
			return err
		}
		sum := sha256.New()
		out := bufio.NewWriterSize(w, backupChunk)
		both := io.MultiWriter(out, sum)
		if _, err := io.WriteString(both, backupTitle); err != nil {
			return err
		}
		if err := writeRecords(ctx, tx, both); err != nil {
			return err
		}
		if _, err := out.Write(sum.Sum(nil)); err != nil {
			return err
		}
		return out.Flush()
	})
}

// writeRecords writes what a snapshot has, list by list.
func writeRecords(ctx context.Context, tx *badger.Txn, w io.Writer) error {
	it := tx.NewIterator(badger.DefaultIteratorOptions)
	defer it.Close()
	var list pb.KVList
	size := 0
	for it.Rewind(); it.Valid(); it.Next() {
		record, err := recordOf(it.Item())
		if err != nil {
			return err
		}
		list.Kv = append(list.Kv, record)
		if size += len(record.Key) + len(record.Value); size < backupChunk {
			continue
		}
		if err := errors.Join(ctx.Err(), writeList(w, &list)); err != nil {
			return err
		}
		list.Kv, size = list.Kv[:0], 0
	}
	return errors.Join(ctx.Err(), writeList(w, &list))
}

func recordOf(item *badger.Item) (*pb.KV, error) {
	value, err := item.ValueCopy(nil)
	if err != nil {
		return nil, fmt.Errorf("record %x: %w", item.Key(), err)
	}
	return &pb.KV{Key: item.KeyCopy(nil), Value: value, Version: item.Version(), ExpiresAt: item.ExpiresAt()}, nil
}

func writeList(w io.Writer, list *pb.KVList) error {
	text, err := proto.Marshal(list)
	if err != nil {
		return err
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// BackupDir backs up a directory that no process uses, after a check, into a new
// file. What is sealed is copied as it is. The file is there, synced, only when it is whole.
func BackupDir(dir, path string) (c Census, err error) {
	s, err := Open(Options{Dir: dir})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if c, err = s.Check(); err != nil {
		return c, err
	}
	return c, writeWhole(path, func(file *os.File) error { return s.Backup(context.Background(), file) })
}

// SaveBackup writes a backup that comes from elsewhere to a new file. The file is
// there, synced, only when it is whole.
func SaveBackup(from io.Reader, path string) error {
	return writeWhole(path, func(file *os.File) error {
		if _, err := io.Copy(file, from); err != nil {
			return err
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := checkBackup(file)
		return err
	})
}

// writeWhole makes a file that is not there yet, all at once.
func writeWhole(path string, write func(*os.File) error) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s: %w", path, os.ErrExist))
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*") // mode 0600
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// pendingRestores is how many batches of a restore may be under way at once.
const pendingRestores = 4

// RestoreDir makes a directory, which must be empty or missing, from the backup in
// a file, and checks it. After an error the directory is to be thrown away.
func RestoreDir(path, dir string) (c Census, err error) {
	file, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer func() { _ = file.Close() }()
	size, err := checkBackup(file)
	if err != nil {
		return c, fmt.Errorf("restore %s: %w", path, err)
	}
	if files, err := os.ReadDir(dir); err == nil && len(files) > 0 {
		return c, fmt.Errorf("restore into %s: %w", dir, errNotEmpty)
	}
	if err := load(io.NewSectionReader(file, int64(len(backupTitle)), size), dir); err != nil {
		return c, fmt.Errorf("restore into %s: %w", dir, err)
	}
	return CheckDir(dir, nil)
}

var errNotEmpty = errors.New("the directory is not empty")

// checkBackup reads all of a backup, and gives the size of the stream in it.
func checkBackup(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size() - int64(len(backupTitle)) - sha256.Size
	title := make([]byte, len(backupTitle))
	if _, err := io.ReadFull(file, title); err != nil || size < 0 || string(title) != backupTitle {
		return 0, errNoBackup
	}
	sum := sha256.New()
	sum.Write(title)
	if _, err := io.CopyN(sum, file, size); err != nil {
		return 0, err
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(file, want); err != nil || !bytes.Equal(sum.Sum(nil), want) {
		return 0, errors.Join(err, errNoBackup)
	}
	return size, nil
}

// load fills a new database.
func load(stream io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	o, err := Options{Dir: dir}.withDefaults()
	if err != nil {
		return err
	}
	db, err := openBadger(badgerOptions(o, &badgerLog{log: o.Log}))
	if err != nil {
		return err
	}
	err = db.Load(stream, pendingRestores)
	return errors.Join(err, db.Close())
}
