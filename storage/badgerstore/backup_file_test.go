package badgerstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4/pb"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// signed returns a file with its hash, as somebody could make it who knows the format.
func signed(text []byte) []byte {
	sum := sha256.Sum256(text)
	return append(bytes.Clone(text), sum[:]...)
}

// listOf returns a list as a backup has it.
func listOf(t *testing.T, records ...*pb.KV) []byte {
	t.Helper()
	var list bytes.Buffer
	if err := writeList(&list, &pb.KVList{Kv: records}); err != nil {
		t.Fatal(err)
	}
	return list.Bytes()
}

// length returns a list's length without the list.
func length(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// TestBackupFiles: the hash alone makes no backup. What is before it has to be whole
// lists; a damaged length must not cost more memory than a list takes.
func TestBackupFiles(t *testing.T) {
	event := webhook.Event{ID: webhook.ID{Seq: 1}, Type: "t", Endpoints: []webhook.EndpointNumber{1}}
	records := []*pb.KV{
		{Key: layout.EventKey(event.ID), Value: record.EncodeEvent(&event, event.Endpoints), Version: 1},
		{Key: layout.DeliveryKey(layout.SpaceQueued, event.ID.For(1)), Value: record.Fresh, Version: 1},
	}
	whole := listOf(t, records...)
	join := func(parts ...[]byte) []byte { return signed(append([]byte(backupTitle), bytes.Join(parts, nil)...)) }
	foreign := signed(append([]byte("another program 1\n"), whole...))
	unsigned := join(whole)
	unsigned[len(unsigned)-1] ^= 1
	for name, c := range map[string]struct {
		text []byte
		want CheckReport
		err  error
	}{
		"no lists":                      {join(), CheckReport{}, nil},
		"an empty list":                 {join(length(0)), CheckReport{}, nil},
		"one list":                      {join(whole), CheckReport{Events: 1, Queued: 1}, nil},
		"two lists":                     {join(listOf(t, records[0]), listOf(t, records[1])), CheckReport{Events: 1, Queued: 1}, nil},
		"another title":                 {foreign, CheckReport{}, errNoBackup},
		"a wrong hash":                  {unsigned, CheckReport{}, errNoBackup},
		"nothing":                       {nil, CheckReport{}, errNoBackup},
		"nothing but a hash":            {signed(nil), CheckReport{}, errNoBackup},
		"half a title":                  {signed([]byte(backupTitle[:5])), CheckReport{}, errNoBackup},
		"half a length":                 {join(length(5)[:4]), CheckReport{}, errNoBackup},
		"a length without its list":     {join(length(5)), CheckReport{}, errNoBackup},
		"a list and a length":           {join(whole, length(5)), CheckReport{}, errNoBackup},
		"a list that is cut off":        {join(whole[:len(whole)-1]), CheckReport{}, errNoBackup},
		"a list that is no list":        {join(length(3), []byte{0xff, 0xff, 0xff}), CheckReport{}, errNoBackup},
		"a length beyond any list":      {join(length(longestList+1), make([]byte, 100)), CheckReport{}, errNoBackup},
		"a length beyond all that is":   {join(length(1<<63), make([]byte, 100)), CheckReport{}, errNoBackup},
		"a length as long as a list is": {join(length(longestList), make([]byte, 100)), CheckReport{}, errNoBackup},
	} {
		path := filepath.Join(t.TempDir(), "backup")
		if got, err := SaveBackup(bytes.NewReader(c.text), path); !errors.Is(err, c.err) || err == nil && got != c.want {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, got, err, c.want, c.err)
		}
		if _, err := os.Stat(path); (err == nil) != (c.err == nil) {
			t.Errorf("%s: the file: %v", name, err)
		}
	}
}

// TestRestoreChecksRecords: a backup whose hash is right may hold what no store can use.
// Then nothing appears under the directory's name.
func TestRestoreChecksRecords(t *testing.T) {
	version := &pb.KV{Key: layout.MetaVersion, Value: layout.EncodeNumber(schemaVersion), Version: 1}
	queued := layout.DeliveryKey(layout.SpaceQueued, someID)
	for name, c := range map[string]struct {
		records []*pb.KV
		want    error
	}{
		"nothing but the version":     {[]*pb.KV{version}, nil},
		"a delivery without event":    {[]*pb.KV{version, {Key: queued, Value: record.Fresh, Version: 1}}, errNoEvent},
		"a record of an unknown kind": {[]*pb.KV{{Key: []byte("Z"), Value: nil, Version: 1}, version}, errForeignKey},
		"a damaged event type":        {[]*pb.KV{version, {Key: layout.EventTypeKey("a"), Value: []byte{9}, Version: 1}}, record.ErrDamaged},
	} {
		base := t.TempDir()
		file, dir := filepath.Join(base, "backup"), filepath.Join(base, "data")
		if err := os.WriteFile(file, signed(append([]byte(backupTitle), listOf(t, c.records...)...)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := RestoreDir(file, dir, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		for path, want := range map[string]bool{dir: c.want == nil, dir + stagingSuffix: false} {
			if _, err := os.Stat(path); (err == nil) != want {
				t.Errorf("%s: %s: %v", name, filepath.Base(path), err)
			}
		}
	}
}

// TestCountKey: a backup that nobody decodes is counted by the kinds of its keys.
func TestCountKey(t *testing.T) {
	var got CheckReport
	id := someID
	for _, key := range [][]byte{
		nil, layout.EndpointKey(layout.SpaceEndpoint, 1), layout.EventTypeKey("a"), layout.EventKey(id), layout.EventKey(id),
		layout.DeliveryKey(layout.SpaceQueued, id), layout.DeliveryKey(layout.SpaceRetrying, id),
		layout.DeliveryKey(layout.SpaceDelivered, id), layout.DeliveryKey(layout.SpaceFailed, id),
		layout.AttemptKey(id, 1), layout.MetaVersion, []byte("Zunknown"),
	} {
		got.countKey(key)
	}
	want := CheckReport{Endpoints: 1, EventTypes: 1, Events: 2, Queued: 1, Retrying: 1, Delivered: 1, Failed: 1}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
