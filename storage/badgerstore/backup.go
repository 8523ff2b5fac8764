package badgerstore

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"google.golang.org/protobuf/proto"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
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
// and synced. progress, unless nil, follows the work.
func BackupDir(dir, path string, progress disk.Progress) (c CheckReport, err error) {
	s, err := openExisting(Options{Dir: dir})
	if err != nil {
		return c, err
	}
	// Open has replayed the logs, so that the directory is closed properly afterwards.
	defer func() { err = errors.Join(err, s.Close()) }()
	meter := disk.NewMeter(progress)
	meter.Expect(2 * s.db.TableBytes())
	if c, err = s.check(nil, meter); err != nil {
		return c, err
	}
	return c, disk.Create(path, func(file *os.File) error {
		return s.Backup(context.Background(), io.MultiWriter(file, meter))
	})
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
		b, err := checkBackup(file, nil)
		c = b.found
		return err
	})
	return c, err
}

// backup is a complete backup in a file.
type backup struct {
	file  *os.File
	size  int64 // of the lists
	sum   []byte
	meter *disk.Meter // counts what is read of them
	// found are its records by their keys; Opened and Damaged are not known.
	found CheckReport
}

// checkBackup reads all of a backup, and returns it if it is complete. An error is the
// file system's, or errNoBackup for anything that Backup does not write.
func checkBackup(file *os.File, meter *disk.Meter) (b backup, err error) {
	// Everything is derived from the size: the hash has a fixed length at the end.
	info, err := file.Stat()
	if err != nil {
		return b, err
	}
	b = backup{file: file, size: info.Size() - int64(len(backupTitle)) - sha256.Size, sum: make([]byte, sha256.Size), meter: meter}
	if _, err := file.ReadAt(b.sum[:1], 0); err != nil && !errors.Is(err, io.EOF) {
		return b, err
	}
	if b.size < 0 {
		return b, errNoBackup
	}
	if _, err := file.ReadAt(b.sum, info.Size()-sha256.Size); err != nil {
		return b, err
	}
	err = b.lists().each(func(record *pb.KV) error {
		b.found.countKey(record.Key)
		return nil
	})
	if err != nil && engine.CannotRead(file.Name(), err) == nil {
		err = errNoBackup // whatever there is instead of lists
	}
	return b, err
}

// lists returns a reader at the first list of a backup.
func (b backup) lists() *listReader {
	r := &listReader{sum: sha256.New(), want: b.sum}
	// Hashed below the buffer, which may hold more than was asked for: the hash is valid
	// once the section was read to its end.
	r.from = bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(b.file, 0, int64(len(backupTitle))+b.size), io.MultiWriter(r.sum, b.meter)), backupChunk)
	title := make([]byte, len(backupTitle))
	if _, err := io.ReadFull(r.from, title); err == nil && string(title) != backupTitle {
		r.err = errNoBackup
	} else {
		r.err = err
	}
	return r
}

// listReader reads the lists of a backup, and hashes what it reads.
type listReader struct {
	from *bufio.Reader
	sum  hash.Hash
	want []byte
	err  error
}

// Read returns the bytes of the lists, as badger.Load wants them.
func (r *listReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return r.from.Read(p)
}

// verify compares the hash, once all lists were read.
func (r *listReader) verify() error {
	if r.err == nil && !bytes.Equal(r.sum.Sum(nil), r.want) {
		r.err = errNoBackup
	}
	return r.err
}

// longestList bounds the length that a damaged file can make next allocate. A list is
// about backupChunk long, plus one record.
const longestList = 64 << 20

// next returns the next list; io.EOF after the last one.
func (r *listReader) next() (*pb.KVList, error) {
	var size uint64
	if err := binary.Read(r, binary.LittleEndian, &size); err != nil {
		return nil, err
	}
	// Before the allocation: the length is eight bytes of a file that may be damaged.
	if size > longestList {
		return nil, errNoBackup
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); errors.Is(err, io.EOF) {
		return nil, errNoBackup // a length without its list is no end
	} else if err != nil {
		return nil, err
	}
	var list pb.KVList
	return &list, proto.Unmarshal(text, &list)
}

// each calls visit for all records, and verifies the hash after the last one.
func (r *listReader) each(visit func(*pb.KV) error) error {
	for {
		list, err := r.next()
		if errors.Is(err, io.EOF) {
			// An end between two lists may be a cut. The hash distinguishes them.
			return r.verify()
		}
		if err != nil {
			return err
		}
		for _, record := range list.Kv {
			if err := visit(record); err != nil {
				return err
			}
		}
	}
}
