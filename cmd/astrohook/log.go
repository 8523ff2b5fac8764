package main

import (
	"io"
	"log/slog"
	"os"
)

// logFlags choose what is logged and how. Logs go to the standard error.
type logFlags struct {
	LogLevel  string `group:"Server" default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error; debug logs each attempt."`
	LogFormat string `group:"Server" default:"auto" enum:"auto,text,json" help:"text, json or auto: text on a terminal, else JSON."`
}

// level is the least that is logged.
func (f logFlags) level() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		level = slog.LevelInfo // not reached: the parser knows the names
	}
	return level
}

// logger builds the logger for a stream. What it logs at least may change.
func (f logFlags) logger(w io.Writer, level *slog.LevelVar) *slog.Logger {
	level.Set(f.level())
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "text" || f.LogFormat == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
