package process

import (
	"os"
	"strings"
	"testing"
)

func TestParseMemory(t *testing.T) {
	got, err := parseMemory("Name:\tserver\nVmHWM:\t  2048 kB\nVmRSS:\t  1500 kB\nRssAnon:\t   1000 kB\nRssFile:\t    500 kB\n")
	if want := (Memory{2048 << 10, 1000 << 10, 500 << 10}); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, wrong := range []string{"", "VmHWM:\tmuch kB\n"} {
		if _, err := parseMemory(wrong); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
	if own, err := ReadMemory(os.Getpid()); err != nil || own.Anon == 0 || own.Peak < own.Anon {
		t.Errorf("this process: %+v, %v", own, err)
	}
}

func TestDiskUse(t *testing.T) {
	dir := t.TempDir()
	empty, err := DiskUse(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/file", []byte(strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	full, err := DiskUse(dir)
	if err != nil || full-empty < 1<<20 || full-empty > 2<<20 {
		t.Errorf("a file of 1 MiB takes up %d bytes, %v", full-empty, err)
	}
}
