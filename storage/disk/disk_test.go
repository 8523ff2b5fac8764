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
