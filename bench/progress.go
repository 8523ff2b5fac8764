package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/corpastro/astrohook/bench/report"
)

// progress shows people how far the bench has come. It is safe for concurrent use.
type progress struct {
	mu  sync.Mutex // held while a line is written, so that lines stay whole
	out io.Writer
	// terminal: lines can be written over.
	terminal bool
	// prefix says which repetition it is.
	prefix string
}

// newProgress returns a progress that writes to a file. On a terminal, live lines replace
// one another; elsewhere they are left out, as a log of them would be of no use.
func newProgress(out *os.File) *progress {
	info, err := out.Stat()
	return &progress{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// repetition names the repetition under way.
func (p *progress) repetition(n, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prefix = ""
	if of > 1 {
		p.prefix = fmt.Sprintf("%d/%d ", n, of)
	}
}

// say writes a line.
func (p *progress) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.out, text)
}

// step writes what a scenario does next.
func (p *progress) step(s scenario, what string) {
	p.say(p.name(s) + ": " + what)
}

// live writes a line that the next one replaces; only to a terminal.
func (p *progress) live(s scenario, text string) {
	if !p.terminal {
		return
	}
	name := p.name(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.out, "  %s: %s", name, text)
}

// name returns how a scenario is called in lines: with the repetition, as in tables.
func (p *progress) name(s scenario) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prefix + report.Key{Scenario: s.Name, Variant: s.Variant}.String()
}

// clear empties the terminal's current line.
func (p *progress) clear() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
