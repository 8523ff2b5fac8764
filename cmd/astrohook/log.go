package main

import (
	"io"
	"log/slog"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// logFlags choose what is logged and how. Logs go to the standard error.
type logFlags struct {
	LogLevel  string `group:"Server" default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error; debug logs each attempt."`
	LogFormat string `group:"Server" default:"auto" enum:"auto,text,json" help:"text, json or auto: text on a terminal, else JSON."`
}

// level returns the lowest level that is logged; levels above it are logged, too.
func (f logFlags) level() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		level = slog.LevelInfo // not reached: the parser knows the names
	}
	return level
}

// logger returns the logger for a stream. A reload may change the level. JSON is for
// programs that collect logs, text for a person at a terminal.
func (f logFlags) logger(w io.Writer, level *slog.LevelVar) *slog.Logger {
	level.Set(f.level())
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "text" || f.LogFormat == "auto" && terminal.Is(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
