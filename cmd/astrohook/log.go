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

// logger builds the logger for a stream.
func (f logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		level = slog.LevelInfo // not reached: the parser knows the names
	}
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
