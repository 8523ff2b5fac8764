package report

import (
	"fmt"
	"slices"
	"strings"
)

// chart is a picture of curves.
type chart struct {
	title, x, y string
	// points: the points are marked, on the axis as well. Without them the curve is one
	// over time.
	points bool
	// logX: the x axis is logarithmic. Sizes and counts grow by factors, cores do not.
	logX   bool
	curves []plotted
}

// plotted is a curve of medians with their bounds.
type plotted struct {
	name string
	xs   []float64
	ys   []Spread
}

// file returns the name of the chart's file, made from its title.
func (c chart) file() string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(c.title))
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	return strings.Trim(name, "-") + ".svg"
}

// charts returns the pictures for which the report has the figures: a curve over a
// setting needs two points.
func (r *Report) charts() []chart {
	var charts []chart
	for _, axis := range []string{ConnectionsAxis, CoresAxis, PayloadAxis, EndpointsAxis} {
		for _, f := range []Figure{DeliveredPerSecond, ServerCPU} {
			c := r.axisChart(axis, f)
			if slices.ContainsFunc(c.curves, func(p plotted) bool { return len(p.xs) > 1 }) {
				charts = append(charts, c)
			}
		}
	}
	return append(charts, r.timeCharts()...)
}

// axisChart returns a figure over a setting. Bare has no server, and so no cost of one.
func (r *Report) axisChart(axis string, f Figure) chart {
	c := chart{title: f.title() + " over " + axis, x: axis, y: f.title(), points: true, logX: axis != CoresAxis}
	for _, s := range r.Summaries {
		value, ok := s.Figures[f]
		if s.Axis != axis || !ok || s.Scenario == Bare && f == ServerCPU {
			continue
		}
		name := strings.TrimSpace(s.Curve + " " + s.Binary)
		i := slices.IndexFunc(c.curves, func(p plotted) bool { return p.name == name })
		if i < 0 {
			i = len(c.curves)
			c.curves = append(c.curves, plotted{name: name})
		}
		c.curves[i].xs = append(c.curves[i].xs, s.X)
		c.curves[i].ys = append(c.curves[i].ys, value)
	}
	for i := range c.curves {
		c.curves[i].sort()
	}
	return c
}

// sort puts the points in the order of the axis: a line is drawn from each to the next,
// and scenarios run in another order.
func (p *plotted) sort() {
	order := make([]int, len(p.xs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(p.xs[a] - p.xs[b]) })
	xs, ys := make([]float64, len(order)), make([]Spread, len(order))
	for to, from := range order {
		xs[to], ys[to] = p.xs[from], p.ys[from]
	}
	p.xs, p.ys = xs, ys
}

// timeCharts returns what changed during the long runs, a chart for each curve, in an order
// that does not change from one report to the next.
func (r *Report) timeCharts() []chart {
	var charts []chart
	for _, s := range r.Summaries {
		var names []string
		for name := range s.Curves {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			p := plotted{}
			for _, at := range s.Curves[name] {
				p.xs = append(p.xs, at.X)
				p.ys = append(p.ys, Spread{at.Y, at.Y, at.Y})
			}
			charts = append(charts, chart{title: fmt.Sprintf("%s: %s", s.Key, name), x: "s", y: name, curves: []plotted{p}})
		}
	}
	return charts
}
