package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/corpastro/astrohook/bench/report"
)

// In a file every step is a line, and what changes all the time is left out.
func TestProgressInAFile(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/progress")
	if err != nil {
		t.Fatal(err)
	}
	p := newProgress(file)
	s := scenario{Name: "scaling", Variant: "endpoints 10"}
	p.say("building the server")
	p.repetition(1, 1)
	p.step(s, "warming up")
	p.live(s, "1 s")
	p.repetition(2, 5)
	p.step(scenario{Name: report.Bare}, "failed")
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file.Name())
	if want := "building the server\nscaling, endpoints 10: warming up\n2/5 bare: failed\n"; string(got) != want || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// On a terminal a live line is written over by whatever comes next.
func TestProgressOnATerminal(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, terminal: true}
	s := scenario{Name: "herd"}
	p.live(s, "1 s")
	p.live(s, "2 s")
	p.say("done")
	const erase = "\r\x1b[K"
	if want := erase + "  herd: 1 s" + erase + "  herd: 2 s" + erase + "done\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
