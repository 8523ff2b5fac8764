// Package figures keeps what a server has counted beyond its process: the minutes of the
// last day, and the last hour of its endpoints.
//
// What belongs here: when and under which names the figures are stored, and who takes them
// over. What is counted belongs to packages survey and stats, and where it is stored to
// package storage.
package figures

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/corpastro/astrohook/actors/stats"
	"github.com/corpastro/astrohook/actors/survey"
	"github.com/corpastro/astrohook/webhook"
)

// Every is how often a server stores what it has counted: what a kill costs at most, beside
// the half minute for which an actor keeps the figures of its endpoint to itself.
const Every = time.Minute

// Names of what is stored. The server's name follows, and for hours a number.
const (
	seriesPrefix = "series/"
	hoursPrefix  = "hours/"
)

const (
	// maxValue bounds a value in bytes, as storage.MaxFigures does.
	maxValue = 256 << 10
	// maxHours is how many values the hours of a server take at most: stats.MaxKept endpoints
	// at 40 bytes each, and up to 200 for latencies.
	maxHours = 16
)

// Store keeps values by name; storage.Figures says what the methods promise.
type Store interface {
	SaveFigures(ctx context.Context, name string, value []byte) error
	Figures(ctx context.Context, prefix string) (map[string][]byte, error)
}

// Keeper stores the figures of one server, and reads those of earlier processes. All fields
// are needed, except Node.
type Keeper struct {
	Store Store
	// Node is the server's name among others that share the store.
	Node   string
	Survey *survey.Survey
	Hours  *stats.Book
	Log    *slog.Logger

	// stored is how many values of hours there may be; nil before the first Save.
	stored *int
}

// RestoreSeries takes over the minutes that this server counted before. Bytes that cannot
// be read are logged, and counted again.
func (k *Keeper) RestoreSeries(ctx context.Context) error {
	name := seriesPrefix + k.Node
	kept, err := k.Store.Figures(ctx, name)
	if err != nil {
		return fmt.Errorf("read what was counted: %w", err)
	}
	if value := kept[name]; value != nil {
		k.unreadable(name, k.Survey.RestoreSeries(value))
	}
	return nil
}

// RestoreHours takes over what any server knew of the endpoints of some parts.
func (k *Keeper) RestoreHours(ctx context.Context, parts webhook.Parts) error {
	hours, err := k.Store.Figures(ctx, hoursPrefix)
	if err != nil {
		return fmt.Errorf("read what was counted: %w", err)
	}
	now := time.Now()
	wants := func(n webhook.EndpointNumber) bool { return parts.Has(n.Part()) }
	tell := func(n webhook.EndpointNumber, h *stats.Hour) {
		if h.FailedLately(now) {
			k.Survey.Attempted(n, h.Tally(now), now)
		}
		var health webhook.Health
		if h.Fill(&health, now); health.P95 >= survey.SlowFrom {
			k.Survey.Slow(n, now)
		}
	}
	for name, value := range hours {
		k.unreadable(name, k.Hours.Restore(value, wants, tell))
	}
	return nil
}

// unreadable logs why a value cannot be read.
func (k *Keeper) unreadable(name string, err error) {
	if err != nil {
		k.Log.Warn("figures are counted again", "name", name, "error", err)
	}
}

// Run stores the figures every minute until ctx ends. An error is logged, and the next
// minute tries again.
func (k *Keeper) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(Every):
		}
		err := k.Save(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, webhook.ErrUnavailable) {
			k.Log.Error("storage failed", "action", "save figures", "error", err)
		}
	}
}

// Save stores the series, and the hours if they have changed. One goroutine at a time calls
// it.
func (k *Keeper) Save(ctx context.Context) error {
	now := time.Now()
	err := k.Store.SaveFigures(ctx, seriesPrefix+k.Node, k.Survey.EncodeSeries(now))
	hours, changed := k.Hours.Encode(now, maxValue)
	if !changed {
		return err
	}
	hours = hours[:min(len(hours), maxHours)]
	before := maxHours // an earlier process may have stored as many
	if k.stored != nil {
		before = *k.stored
	}
	for i := range max(len(hours), before) {
		var value []byte // removes one that is not needed any more
		if i < len(hours) {
			value = hours[i]
		}
		err = errors.Join(err, k.Store.SaveFigures(ctx, fmt.Sprint(hoursPrefix, k.Node, "/", i), value))
	}
	if written := len(hours); err == nil {
		k.stored = &written
	}
	return err
}
