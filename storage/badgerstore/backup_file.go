package badgerstore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/dgraph-io/badger/v4/pb"
	"google.golang.org/protobuf/proto"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
)

// backup is a complete backup in a file.
type backup struct {
	file *os.File
	size int64 // of the lists
	sum  []byte
	// found are its records by their keys; Opened and Damaged are not known.
	found CheckReport
}

// checkBackup reads all of a backup, and returns it if it is complete. An error is the
// file system's, or errNoBackup for anything that Backup does not write.
func checkBackup(file *os.File) (b backup, err error) {
	// Everything is derived from the size: the hash has a fixed length at the end.
	info, err := file.Stat()
	if err != nil {
		return b, err
	}
	b = backup{file: file, size: info.Size() - int64(len(backupTitle)) - sha256.Size, sum: make([]byte, sha256.Size)}
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
	r.from = bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(b.file, 0, int64(len(backupTitle))+b.size), r.sum), backupChunk)
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
			// An end between two lists may be a cut. The hash tells them apart.
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
