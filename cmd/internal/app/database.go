package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore"
)

// Values of the setting durability.
const (
	durabilityStandby = "standby"
	durabilityStorage = "storage"
)

// openTimeout bounds how long a start waits for the database.
const openTimeout = time.Minute

// openDatabase opens the database that holds everything in place of the data directory. An
// error says what is wrong and which setting it is about.
func (a *App) openDatabase() (storage.Backend, error) {
	if unused := a.config.withoutEffect(); len(unused) > 0 {
		a.log.Warn("these settings have no effect with database-url: the database keeps everything, and its operator its disk", slog.Any("settings", unused))
	}
	if !a.config.RequireStandby {
		a.log.Warn("require-standby is off: if the database has no synchronous standby, the failure of its machine can lose accepted events")
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	began := time.Now()
	options := a.config.database(a.component("storage"))
	options.Committed = a.parts.figures.committed
	backend, err := pgstore.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	a.log.Info("opened the database", slog.String("database", pgstore.Describe(a.config.DatabaseURL)),
		slog.Int64("pending", backend.Pending()), slog.Int64("took_ms", time.Since(began).Milliseconds()))
	return backend, nil
}

// database returns how pgstore is to use the database.
func (c *Config) database(log *slog.Logger) pgstore.Options {
	return pgstore.Options{
		URL:         c.DatabaseURL,
		LonePrimary: !c.RequireStandby || c.Durability == durabilityStorage,
		Retention:   c.Retention,
		Log:         log,
		Cluster:     c.id(),
	}
}

// ExamineDatabase looks at the database that a server with these settings would use, as its
// start does, and changes nothing. The report says whether the start would refuse it. Nothing
// that it returns has a credential.
func (c *Config) ExamineDatabase(ctx context.Context) (pgstore.Report, error) {
	return pgstore.Examine(ctx, c.database(nil))
}

// withoutEffect returns the names of the settings that somebody has set and that have no
// effect with a database. With --dev the data directory still holds the token.
func (c *Config) withoutEffect() (names []string) {
	defaults := Defaults()
	if c.DataDir != defaults.DataDir {
		names = append(names, "data-dir")
	}
	if c.Sync != defaults.Sync {
		names = append(names, "sync")
	}
	if c.DiskReserve != defaults.DiskReserve {
		names = append(names, "disk-reserve")
	}
	return names
}

// place returns where a server keeps its data, for the log.
func (a *App) place() slog.Attr {
	if a.config.DatabaseURL != "" {
		return slog.String("database", pgstore.Describe(a.config.DatabaseURL))
	}
	return slog.String("data_dir", a.config.DataDir)
}
