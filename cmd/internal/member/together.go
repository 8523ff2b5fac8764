package member

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cluster"
	"github.com/corpastro/astrohook/cmd/internal/cluster/peer"
	"github.com/corpastro/astrohook/webhook"
)

// What concerns all endpoints is asked of all nodes, each of which knows those to which it
// delivers. A node that does not answer is named in the answer.

const (
	pathRanked   = "/v1/ranked"
	pathOverview = "/v1/overview"
	// togetherTimeout bounds how long the other nodes may take. They are asked at the same
	// time, and answer from memory.
	togetherTimeout = time.Second
)

// rankedQuestion asks for the first of a node's endpoints in an order.
type rankedQuestion struct {
	By   webhook.Order
	Most int
}

// ofAll adds the handlers of questions that every node is asked.
func (m *Member) ofAll(handlers map[string]peer.Handler) {
	handlers[pathRanked] = peer.Answer(func(ctx context.Context, q rankedQuestion) (webhook.Ranking, error) {
		local, _ := m.parts()
		return local.Ranked(ctx, q.By, q.Most)
	})
	handlers[pathOverview] = peer.Answer(func(ctx context.Context, q webhook.OverviewQuery) (webhook.Overview, error) {
		local, _ := m.parts()
		return local.Overview(ctx, q)
	})
}

// Ranked returns the endpoints of all nodes in an order. Of each node's there are up to
// survey.MaxLeaders.
func (f *forwarding) Ranked(ctx context.Context, by webhook.Order, most int) (webhook.Ranking, error) {
	all, coverage, err := together(ctx, f.member, pathRanked, rankedQuestion{by, most}, func() (webhook.Ranking, error) {
		return f.Dispatcher.Ranked(ctx, by, most)
	})
	out := webhook.Ranking{Coverage: coverage}
	for i := range all {
		out.Truncated = out.Truncated || all[i].Truncated
		out.Endpoints = append(out.Endpoints, all[i].Endpoints...)
	}
	out.Endpoints = inOrder(out.Endpoints, by, most)
	return out, err
}

// Overview returns how the cluster is doing. Its start is that of this node.
func (f *forwarding) Overview(ctx context.Context, q webhook.OverviewQuery) (webhook.Overview, error) {
	all, coverage, err := together(ctx, f.member, pathOverview, q, func() (webhook.Overview, error) {
		return f.Dispatcher.Overview(ctx, q)
	})
	if err != nil {
		return webhook.Overview{}, err
	}
	out := all[0]
	coverage.Truncated, out.Coverage = out.Truncated, coverage
	out.Oldest, out.Rates = maps.Clone(out.Oldest), slices.Clone(out.Rates) // the dispatcher keeps its own
	for i := range all[1:] {
		merge(&out, &all[1+i])
	}
	out.Worst = inOrder(out.Worst, q.By, webhook.MaxWorst)
	return out, nil
}

// together asks this node and, at the same time, all others, and returns what they answer,
// this node's first. Of the others those without parts may be silent: what they know is not
// missed. An error is this node's.
func together[Q, A any](ctx context.Context, m *Member, path string, question Q, here func() (A, error)) ([]A, webhook.Coverage, error) {
	nodes, free := m.node.Statuses()
	nodes = slices.DeleteFunc(nodes, func(n cluster.Status) bool { return n.Self })
	answers, errs := make([]A, len(nodes)), make([]error, len(nodes))
	limited, cancel := context.WithTimeout(ctx, togetherTimeout)
	defer cancel()
	var asking sync.WaitGroup
	for i := range nodes {
		if errs[i] = peer.ErrAway; nodes[i].Address == "" {
			continue
		}
		asking.Go(func() { answers[i], errs[i] = peer.Ask[Q, A](limited, m.client, nodes[i].Node, path, question) })
	}
	own, err := here()
	asking.Wait()
	all, coverage := []A{own}, webhook.Coverage{Unowned: free.Len() > 0}
	for i := range nodes {
		switch {
		case errs[i] == nil:
			all = append(all, answers[i])
		case nodes[i].Parts.Len() > 0:
			coverage.Missing = append(coverage.Missing, nodes[i].Name)
		}
	}
	slices.Sort(coverage.Missing)
	return all, coverage, err
}

// inOrder brings endpoints of several nodes in one order, and returns the first ones. While
// a part moves, both nodes may name its endpoints.
func inOrder(all []webhook.Summary, by webhook.Order, most int) []webhook.Summary {
	slices.SortFunc(all, func(a, b webhook.Summary) int {
		return cmp.Or(cmp.Compare(by.Key(&b), by.Key(&a)), cmp.Compare(a.Endpoint.Endpoint, b.Endpoint.Endpoint))
	})
	seen := make(map[webhook.EndpointNumber]struct{}, len(all))
	all = slices.DeleteFunc(all, func(s webhook.Summary) bool {
		_, again := seen[s.Endpoint.Endpoint]
		seen[s.Endpoint.Endpoint] = struct{}{}
		return again
	})
	return all[:min(max(most, 0), len(all))]
}

// merge adds to an overview what another node knows. What all nodes know alike stays: how
// many endpoints there are, and how much is pending.
func merge(into, other *webhook.Overview) {
	if other.LookedAt.Before(into.LookedAt) {
		into.LookedAt = other.LookedAt
	}
	into.InFlight += other.InFlight
	into.BreakersOpen += other.BreakersOpen
	into.Truncated = into.Truncated || other.Truncated
	for status, at := range other.Oldest {
		if known, there := into.Oldest[status]; !there || at.Before(known) {
			if into.Oldest == nil { // an empty map crosses as none
				into.Oldest = make(map[webhook.EndpointStatus]time.Time)
			}
			into.Oldest[status] = at
		}
	}
	for i := range into.Rates {
		for _, r := range other.Rates {
			if r.Over == into.Rates[i].Over {
				into.Rates[i] = sum(into.Rates[i], r)
			}
		}
	}
	into.Series = laidOver(into.Series, other.Series)
	into.Worst = append(into.Worst, other.Worst...)
}

// sum adds the rates of two nodes in one period. What a node that has just started has
// counted counts for the time that the other one knows.
func sum(a, b webhook.Rate) webhook.Rate {
	seconds := func(r webhook.Rate) float64 { return max(r.Known.Seconds(), 1) }
	out := webhook.Rate{Over: a.Over, Known: max(a.Known, b.Known)}
	add := func(x, y float64) float64 { return (x*seconds(a) + y*seconds(b)) / seconds(out) }
	out.Accepted, out.Delivered, out.Failed = add(a.Accepted, b.Accepted), add(a.Delivered, b.Delivered), add(a.Failed, b.Failed)
	return out
}

// minutesOfDay bounds the minutes of a series.
const minutesOfDay = 24 * 60

// laidOver adds two series, minute by minute. Pending is not added: each node knows what is
// pending at all of them, and the larger figure is the newer one or as good.
func laidOver(a, b webhook.Series) webhook.Series {
	switch {
	case len(a.Minutes) == 0:
		return b
	case len(b.Minutes) == 0:
		return a
	case b.From.Before(a.From):
		a, b = b, a
	}
	gap := int(b.From.Sub(a.From) / time.Minute)
	length := max(len(a.Minutes), gap+len(b.Minutes))
	first := max(length-minutesOfDay, 0) // where the clocks of the nodes differ
	out := webhook.Series{From: a.From.Add(time.Duration(first) * time.Minute)}
	for i := first; i < length; i++ {
		var m webhook.Minute
		for _, from := range []struct {
			minutes []webhook.Minute
			at      int
		}{{a.Minutes, i}, {b.Minutes, i - gap}} {
			if from.at >= 0 && from.at < len(from.minutes) && from.minutes[from.at].Known {
				add := from.minutes[from.at]
				m = webhook.Minute{
					Known: true, Accepted: m.Accepted + add.Accepted, Delivered: m.Delivered + add.Delivered, Failed: m.Failed + add.Failed,
					Pending: max(m.Pending, add.Pending),
				}
			}
		}
		out.Minutes = append(out.Minutes, m)
	}
	return out
}
