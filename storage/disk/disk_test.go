package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestMeasure(t *testing.T) {
	space, err := Measure(t.TempDir())
	if err != nil || space.Free == 0 || space.Free > space.Total {
		t.Errorf("%+v, %v", space, err)
	}
	if _, err := Measure("/does/not/exist"); err == nil {
		t.Error("a folder that does not exist was measured")
	}
}

// TestUsed: what counts is what the files of the directory itself take on the disk.
func TestUsed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		reason, path string
		gap, bytes   int64
		least, most  uint64
	}{
		{"an empty file", "a", 0, 0, 0, 0},
		{"a file", "b", 0, 100_000, 100_000, 200_000},
		{"a file in a directory below", "below/c", 0, 100_000, 100_000, 200_000},
		{"a file with a hole before its end", "d", 1 << 30, 100_000, 200_000, 400_000},
	} {
		file, err := os.Create(filepath.Join(dir, step.path))
		if err == nil {
			_, err = file.WriteAt(make([]byte, step.bytes), step.gap)
		}
		if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
			t.Fatal(err)
		}
		if used, err := Used(dir); err != nil || used < step.least || used > step.most {
			t.Errorf("%s: %d bytes, want %d to %d; %v", step.reason, used, step.least, step.most, err)
		}
	}
	if _, err := Used(filepath.Join(dir, "missing")); err == nil {
		t.Error("a directory that does not exist was measured")
	}
}

func TestMissingDirs(t *testing.T) {
	base := t.TempDir()
	want := []string{filepath.Join(base, "a", "b"), filepath.Join(base, "a")}
	if got, err := missingDirs(want[0] + "/"); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if err := MakeDir(want[0]); err != nil {
		t.Fatal(err)
	}
	if got, err := missingDirs(want[0]); err != nil || len(got) > 0 {
		t.Errorf("after it was made: %q, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(filepath.Join(base, "file", "a")); err == nil {
		t.Error("a directory was made in a file")
	}
}

// TestWholeOrNotAtAll: while a file is being written its name does not exist, or
// stands for the old content, and an error leaves nothing behind.
func TestWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	failed := errors.New("failed")
	writing := func(text string, seen *string, result error) func(*os.File) error {
		return func(file *os.File) error {
			_, err := file.WriteString(text)
			was, readErr := os.ReadFile(path)
			if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
				t.Error(readErr)
			}
			*seen = string(was)
			return errors.Join(err, result)
		}
	}
	for _, step := range []struct {
		name, during, after string
		make                func(path string, write func(*os.File) error) error
		result, want        error
	}{
		{"new, failed", "", "", Create, failed, failed},
		{"new", "", "new", Create, nil, nil},
		{"taken", "", "new", Create, nil, fs.ErrExist},
		{"replaced, failed", "new", "new", Replace, failed, failed},
		{"replaced", "new", "replaced", Replace, nil, nil},
	} {
		var during string
		if err := step.make(path, writing(step.name, &during, step.result)); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, err, step.want)
		}
		after, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if during != step.during || string(after) != step.after {
			t.Errorf("%s: %q while it was written, then %q", step.name, during, after)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Error("left behind:", files, err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	first, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := Lock(first); err != nil {
		t.Error(err)
	}
	if err := Lock(second); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	first.Close()
	if err := Lock(second); err != nil {
		t.Error(err)
	}
}

// TestMakeDir: a directory and its parents are private, and what exists already stays as it is.
func TestMakeDir(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "a", "b", "c")
	for range 2 { // the second time nothing is missing
		if err := MakeDir(path); err != nil {
			t.Fatal(err)
		}
	}
	for dir := path; dir != base; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, info, err)
		}
	}
	open := filepath.Join(base, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(open); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(open); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("a directory that existed became %v, %v", info.Mode(), err)
	}
}

// TestModes: files hold secrets, so that nobody else may read them, whoever replaces what.
func TestModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, func(*os.File) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestCreateRefusesLinks: a name is taken by a symbolic link that leads nowhere, too: a rename
// would replace the link, and a write through it would make a file elsewhere.
func TestCreateRefusesLinks(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	err := Create(link, func(*os.File) error { t.Error("written"); return nil })
	if !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

// TestMissingFolder: whoever creates a file in a folder that does not exist learns of that.
func TestMissingFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "file")
	for name, make := range map[string]func(string, func(*os.File) error) error{"Create": Create, "Replace": Replace} {
		if err := make(path, func(*os.File) error { t.Error("written"); return nil }); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := SyncTree(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SyncTree: %v", err)
	}
	if err := SyncDir(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SyncDir: %v", err)
	}
}

// TestSyncTree: every file and directory is synced, whatever else lies among them.
func TestSyncTree(t *testing.T) {
	dir := t.TempDir()
	if err := MakeDir(filepath.Join(dir, "a", "b")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", filepath.Join("a", "y"), filepath.Join("a", "b", "z")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "a", "link")); err != nil {
		t.Fatal(err)
	}
	if err := SyncTree(dir); err != nil {
		t.Error(err)
	}
	if err := SyncTree(filepath.Join(dir, "x")); err != nil {
		t.Errorf("a file alone: %v", err)
	}
}

// TestAllocate: blocks are taken from the disk, and the file stays as long as it was.
func TestAllocate(t *testing.T) {
	if Missing != "" {
		t.Skip(Missing)
	}
	path := filepath.Join(t.TempDir(), "reserved")
	err := Allocate(path, 1<<20)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the file system of the tests reserves no blocks")
	}
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Allocate(path, 1<<20); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "content" {
		t.Errorf("%q, %v", text, err)
	}
	if err := Allocate(filepath.Join(path, "below"), 1); err == nil {
		t.Error("blocks for a file below a file")
	}
}

// TestSupported: the tests run on systems that can keep data directories only.
func TestSupported(t *testing.T) {
	if err := Supported(); err != nil {
		t.Error(err)
	}
}

// TestLockOfFile: a lock belongs to the open file, and a file that is closed cannot be locked.
func TestLockOfFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // to lock what one holds changes nothing
		if err := Lock(file); err != nil {
			t.Error(err)
		}
	}
	file.Close()
	if err := Lock(file); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("a closed file: %v", err)
	}
}

// TestFaultsOfReplace: whatever fails, the old file stays and no part of the new one does.
func TestFaultsOfReplace(t *testing.T) {
	failed := errors.New("failed")
	for name, write := range map[string]func(*os.File) error{
		"writing fails":             func(*os.File) error { return failed },
		"the file is closed before": func(file *os.File) error { return file.Close() },
		"its name is gone before":   func(file *os.File) error { return os.Remove(file.Name()) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Replace(path, write); err == nil {
			t.Errorf("%s: no error", name)
		}
		text, err := os.ReadFile(path)
		files, listErr := os.ReadDir(dir)
		if err != nil || listErr != nil || string(text) != "old" || len(files) != 1 {
			t.Errorf("%s: %q, %v, %d files, %v", name, text, err, len(files), listErr)
		}
	}
}
