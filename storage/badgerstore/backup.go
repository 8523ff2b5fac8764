package badgerstore

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"google.golang.org/protobuf/proto"

	"github.com/corpastro/astrohook/storage/disk"
)

// A backup is a title line, all records in the form that Badger loads (lists of
// records, each with its length in front), and the SHA-256 of both. Without the hash a
// backup that was cut off between two lists would look complete.
const backupTitle = "astrohook backup 1\n"

// backupChunk is about how many bytes of records make a list: what a backup takes of
// memory, a few times over.
const backupChunk = 256 << 10

// errNoBackup reports a file that Backup did not write, or not to its end.
var errNoBackup = errors.New("not a whole backup")

// Backup writes all records to w, as they are when it is called; later writes are not
// in it. It keeps a few lists in memory. Until it ends, because it is complete or w
// fails or ctx ends, Badger keeps on disk what would otherwise be merged away. It
// verifies all tables first; damage breaks the store.
//
// Badger's own stream is unsuitable: it reads each range of keys on a snapshot of its
// own, so that a delivery which moves is in two places or in none, and it holds up to
// half a gigabyte for a slow reader.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return s.view("back up", func(tx *badger.Txn) error {
		// Badger reads a damaged block as an empty one: without this, its records would be
		// missing in a backup that looks complete.
		if err := s.db.VerifyNow(ctx); err != nil {
			return err
		}
		// Hashed as it is written: nobody has to read a backup twice to make it.
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

// writeRecords writes all records of a snapshot, list by list.
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

// recordOf copies a record with its version and expiry, which a restore keeps.
func recordOf(item *badger.Item) (*pb.KV, error) {
	value, err := item.ValueCopy(nil)
	if err != nil {
		return nil, fmt.Errorf("record %x: %w", item.Key(), err)
	}
	return &pb.KV{Key: item.KeyCopy(nil), Value: value, Version: item.Version(), ExpiresAt: item.ExpiresAt()}, nil
}

// writeList writes a list with its length in front.
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

// BackupDir checks a directory that no process uses, and backs it up into a new file.
// Encrypted values are copied as they are. The file appears only when it is complete
// and synced.
func BackupDir(dir, path string) (c CheckReport, err error) {
	s, err := openExisting(Options{Dir: dir})
	if err != nil {
		return c, err
	}
	// Open has replayed the logs, so that the directory is closed properly afterwards.
	defer func() { err = errors.Join(err, s.Close()) }()
	if c, err = s.Check(nil); err != nil {
		return c, err
	}
	return c, disk.Create(path, func(file *os.File) error { return s.Backup(context.Background(), file) })
}

// SaveBackup copies a backup from a stream to a new file. The file appears only when it
// is complete and synced. The report counts its records by their keys.
func SaveBackup(from io.Reader, path string) (c CheckReport, err error) {
	err = disk.Create(path, func(file *os.File) error {
		if _, err := io.Copy(file, from); err != nil {
			return err
		}
		// Read back from the file: what a proxy or a full disk has cut off is found now, not
		// on the day of the restore.
		b, err := checkBackup(file)
		c = b.found
		return err
	})
	return c, err
}
