package output

import (
	"charm.land/lipgloss/v2"
)

// Tone is what a colour means. The colours are the sixteen that every terminal has, in the
// shades that its user has chosen.
type Tone int

// The tones.
const (
	Plain Tone = iota // no colour
	Good              // delivered, active, ok
	Warn              // waits, paused, retried
	Bad               // failed, disabled
	Quiet             // of less interest than the rest
)

// tones are the looks, by tone.
var tones = [...]lipgloss.Style{
	Plain: lipgloss.NewStyle(),
	Good:  lipgloss.NewStyle().Foreground(lipgloss.Green),
	Warn:  lipgloss.NewStyle().Foreground(lipgloss.Yellow),
	Bad:   lipgloss.NewStyle().Foreground(lipgloss.Red),
	Quiet: lipgloss.NewStyle().Faint(true),
}

// headStyle is the look of titles.
var headStyle = lipgloss.NewStyle().Bold(true)

// style returns the look of a tone.
func (t Tone) style() lipgloss.Style { return tones[t] }

// Paint returns a text in the colour of a tone.
func (t Tone) Paint(text string) string { return tones[t].Render(text) }

// StatusTone returns the tone of a status of a webhook or a delivery.
func StatusTone(status string) Tone {
	switch status {
	case "delivered", "active", "closed", "ready", "ok":
		return Good
	case "queued", "processing", "retrying", "paused", "half_open", "warning":
		return Warn
	case "failed", "disabled", "open", "fault":
		return Bad
	case "cancelled", "skipped":
		return Quiet
	}
	return Plain
}
