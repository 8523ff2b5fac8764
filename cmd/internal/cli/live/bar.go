package live

import (
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

const (
	// barWidth is the longest bar, in columns.
	barWidth     = 40
	spinnerWidth = 2
	// barRefresh is the time between two drawings.
	barRefresh = 100 * time.Millisecond
	// barDelay is how long work may take without a bar: one that flashes up is a nuisance.
	barDelay = time.Second
)

// Progress shows how far work has come, on a terminal; elsewhere it does nothing, so that
// callers need not ask. It is safe for concurrent use. Stop must be called in any case,
// before anything else is written to the terminal.
type Progress struct {
	bars *mpb.Progress // nil where nothing is shown
	bar  *mpb.Bar
	late *time.Timer // shows the bar
}

// Bytes shows the progress of work that is counted in bytes. A total of 0 is one that is not
// known: the bar is a counter then.
func Bytes(w io.Writer, title string, total int64) *Progress {
	count := decor.Counters(decor.SizeB1024(0), "% .1f / % .1f")
	if total <= 0 {
		count = decor.Current(decor.SizeB1024(0), "% .1f")
	}
	return start(w, title, total, count, decor.AverageSpeed(decor.SizeB1024(0), "% .1f"))
}

// Items shows the progress of work on things that are counted. A total of 0 is one that is
// not known.
func Items(w io.Writer, title string, total int64) *Progress {
	count := decor.CountersNoUnit("%d / %d")
	if total <= 0 {
		count = decor.CurrentNoUnit("%d")
	}
	return start(w, title, total, count, decor.AverageSpeed(nil, "%.0f/s"))
}

// Share shows the progress of work whose total is known only once it runs: the share that is
// done, and for how much longer it will take. Set has both.
func Share(w io.Writer, title string) *Progress {
	return show(w, title, 0, bar, barWidth, decor.Percentage(), space, decor.Elapsed(decor.ET_STYLE_GO), space, decor.AverageETA(decor.ET_STYLE_GO))
}

// Work shows that work goes forward whose amount nobody knows, and for how long it has.
func Work(w io.Writer, title string) *Progress {
	return start(w, title, 0, decor.Elapsed(decor.ET_STYLE_GO), decor.Name(""))
}

var (
	bar     = mpb.BarStyle().Rbound("] ")
	spinner = mpb.SpinnerStyle().PositionLeft()
	space   = decor.Name(" ")
)

// start shows a bar, or a spinner without a total.
func start(w io.Writer, title string, total int64, count, speed decor.Decorator) *Progress {
	if total <= 0 {
		return show(w, title, 0, spinner, spinnerWidth, count, space, speed)
	}
	return show(w, title, total, bar, barWidth, decor.Percentage(), space, count, space, speed, space, decor.AverageETA(decor.ET_STYLE_GO))
}

// show shows a bar of a style with what stands behind it, once the work has taken long
// enough. Set can change the total only of a bar that begins with 0.
func show(w io.Writer, title string, total int64, style mpb.BarFillerBuilder, width int, behind ...decor.Decorator) *Progress {
	if !terminal.Is(w) {
		return &Progress{}
	}
	shown := make(chan any)
	late := time.AfterFunc(barDelay, func() { close(shown) })
	bars := mpb.New(mpb.WithOutput(w), mpb.WithWidth(barWidth), mpb.WithRefreshRate(barRefresh), mpb.WithRenderDelay(shown))
	return &Progress{late: late, bars: bars, bar: bars.New(total, style, mpb.BarRemoveOnComplete(), mpb.BarWidth(width),
		mpb.PrependDecorators(decor.Name(title+" ")), mpb.AppendDecorators(behind...))}
}

// Add counts n more bytes or things.
func (p *Progress) Add(n int64) {
	if p.bar != nil {
		p.bar.IncrInt64(n)
	}
}

// Set sets how much is done, and the total, which may change while the work runs.
func (p *Progress) Set(done, total int64) {
	if p.bar != nil {
		p.bar.SetTotal(max(total, done+1), false) // a bar that is full ends, and no more is shown
		p.bar.SetCurrent(done)
	}
}

// Write counts the bytes, so that a Progress can stand behind an io.TeeReader.
func (p *Progress) Write(b []byte) (int, error) {
	p.Add(int64(len(b)))
	return len(b), nil
}

// Stop removes the bar, and returns when the terminal is as it was. It can be called again.
func (p *Progress) Stop() {
	if p.bar == nil {
		return
	}
	p.late.Stop()
	p.bar.Abort(true)
	p.bars.Wait()
}
