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
		if err := s.db.VerifyNow(ctx); err != nil {
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
func BackupDir(dir, path string) (c CheckReport, err error) {
	s, err := openExisting(Options{Dir: dir})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if c, err = s.Check(nil); err != nil {
		return c, err
	}
	return c, disk.Create(path, func(file *os.File) error { return s.Backup(context.Background(), file) })
}

// SaveBackup writes a backup that comes from elsewhere to a new file. The file is
// there, synced, only when it is whole. The report counts its records by their keys.
func SaveBackup(from io.Reader, path string) (c CheckReport, err error) {
	err = disk.Create(path, func(file *os.File) error {
		if _, err := io.Copy(file, from); err != nil {
			return err
		}
		b, err := checkBackup(file)
		c = b.found
		return err
	})
	return c, err
}
