package figures

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/stats"
	"github.com/corpastro/astrohook/actors/survey"
	"github.com/corpastro/astrohook/webhook"
)

// values is a store of figures, which fails on command and counts what is saved.
type values struct {
	kept  map[string][]byte
	saved int
	err   error
}

func (v *values) SaveFigures(_ context.Context, name string, value []byte) error {
	if v.err != nil {
		return v.err
	}
	v.saved++
	if v.kept[name] = bytes.Clone(value); len(value) == 0 {
		delete(v.kept, name)
	}
	return nil
}

func (v *values) Figures(_ context.Context, prefix string) (map[string][]byte, error) {
	found := maps.Clone(v.kept)
	maps.DeleteFunc(found, func(name string, _ []byte) bool { return !strings.HasPrefix(name, prefix) })
	return found, v.err
}

// newKeeper returns the keeper of a new process, and what it logs.
func newKeeper(store *values, node string) (*Keeper, *bytes.Buffer) {
	log := &bytes.Buffer{}
	return &Keeper{
		Store: store, Node: node, Survey: survey.New(3, time.Now()), Hours: stats.NewBook(), Log: slog.New(slog.NewTextHandler(log, nil)),
	}, log
}

// failed returns an hour with some failed attempts.
func failed(times int) *stats.Hour {
	h := &stats.Hour{}
	for range times {
		a := webhook.Attempt{At: time.Now(), StatusCode: 500}
		h.Record(&a, a.Outcome())
	}
	return h
}

// TestNextProcess: a process that starts after a kill knows what the one before had counted
// a minute earlier, and which endpoints failed.
func TestNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &values{kept: map[string][]byte{}}
		first, _ := newKeeper(store, "a")
		ctx, kill := context.WithCancel(t.Context())
		go first.Run(ctx)
		first.Hours.Put(7, failed(3))
		time.Sleep(time.Second)
		first.Survey.Sample(time.Now().Add(10*time.Second), func() survey.Counts { return survey.Counts{Accepted: 5} }, 2)
		time.Sleep(Every)
		kill()
		synctest.Wait()
		if store.saved != 1+maxHours {
			t.Errorf("%d values were saved in a minute", store.saved)
		}

		next, log := newKeeper(store, "a")
		if err := errors.Join(next.RestoreSeries(t.Context()), next.RestoreHours(t.Context(), webhook.AllParts())); err != nil {
			t.Fatal(err)
		}
		if m := next.Survey.Series(time.Now()).Minutes; len(m) == 0 || m[0].Accepted != 5 || m[0].Pending != 2 {
			t.Errorf("the series is %+v", m)
		}
		if h := next.Hours.Hour(7, time.Now()); h.Tally(time.Now()).Failures != 3 {
			t.Error("the hour is lost")
		}
		round := next.Survey.NewRound()
		if err := round.End(time.Now(), func(n webhook.EndpointNumber) (webhook.ID, string, error) { return webhook.ID{Endpoint: n}, "", nil }); err != nil {
			t.Fatal(err)
		}
		if worst := next.Survey.Findings().Ranked[webhook.ByFailures]; len(worst) != 1 || worst[0].Endpoint.Endpoint != 7 || worst[0].Attempts.Failures != 3 {
			t.Errorf("the worst are %+v", worst)
		}
		// Another node takes over the hours of the parts that it gained, and no series.
		other, _ := newKeeper(store, "b")
		var parts webhook.Parts
		parts.Add(webhook.EndpointNumber(8).Part())
		if err := errors.Join(other.RestoreSeries(t.Context()), other.RestoreHours(t.Context(), parts)); err != nil {
			t.Fatal(err)
		}
		if h := other.Hours.Hour(7, time.Now()); h.Tally(time.Now()).Failures != 0 || len(other.Survey.Series(time.Now()).Minutes) != 0 {
			t.Error("a node took over what belongs to another one")
		}
		parts.Add(webhook.EndpointNumber(7).Part())
		if err := other.RestoreHours(t.Context(), parts); err != nil {
			t.Fatal(err)
		}
		if h := other.Hours.Hour(7, time.Now()); h.Tally(time.Now()).Failures != 3 || log.Len() > 0 {
			t.Errorf("the hour of a part that was gained is lost; logged: %s", log)
		}
		store.saved = 0
		if err := next.Save(t.Context()); err != nil || store.saved != 1 {
			t.Errorf("%d values were saved although no endpoint made an attempt: %v", store.saved, err)
		}
		for _, want := range []int{1 + maxHours, 2} { // first what an earlier process may have left is removed
			next.Hours.Put(7, failed(1))
			store.saved = 0
			if err := next.Save(t.Context()); err != nil || store.saved != want || len(store.kept) != 2 {
				t.Errorf("%d values were saved, want %d, and %d are kept: %v", store.saved, want, len(store.kept), err)
			}
		}
	})
}

// TestUnreadable: what cannot be read is logged and counted again; an error of storage is
// returned, or logged every minute, except that it is away.
func TestUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &values{kept: map[string][]byte{"series/": {9}, "hours//0": {9}}}
		k, log := newKeeper(store, "")
		if err := errors.Join(k.RestoreSeries(t.Context()), k.RestoreHours(t.Context(), webhook.AllParts())); err != nil {
			t.Fatal(err)
		}
		if strings.Count(log.String(), "figures are counted again") != 2 {
			t.Errorf("logged: %s", log)
		}
		for err, want := range map[error]int{errors.New("disk"): 2, webhook.ErrUnavailable: 0} {
			log.Reset()
			store.err = err
			ctx, stop := context.WithCancel(t.Context())
			go k.Run(ctx)
			time.Sleep(2*Every + time.Second)
			stop()
			synctest.Wait()
			if strings.Count(log.String(), "save figures") != want {
				t.Errorf("%v is logged as %s", err, log)
			}
			if k.RestoreSeries(t.Context()) == nil || k.RestoreHours(t.Context(), webhook.AllParts()) == nil {
				t.Error("an error of storage is lost")
			}
		}
	})
}
