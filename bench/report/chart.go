package report

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Chart is a picture of curves.
type Chart struct {
	title, x, y string
	// points are marked, on the axis too; else the curve is one over time.
	points bool
	// logX: the x axis is logarithmic.
	logX   bool
	curves []plotted
}

// plotted is a curve of medians with their bounds.
type plotted struct {
	name string
	xs   []float64
	ys   []Spread
}

// file is the chart's name among the files.
func (c Chart) file() string {
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

// charts are the pictures that the report has the figures for.
func (r *Report) charts() []Chart {
	var charts []Chart
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

// axisChart draws a figure over a setting.
func (r *Report) axisChart(axis string, f Figure) Chart {
	c := Chart{title: f.title() + " over " + axis, x: axis, y: f.title(), points: true, logX: axis != CoresAxis}
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

// sort puts the points in the order of the axis.
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

// timeCharts draw what changed during the long runs.
func (r *Report) timeCharts() []Chart {
	var charts []Chart
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
			charts = append(charts, Chart{title: fmt.Sprintf("%s: %s", s.Key, name), x: "s", y: name, curves: []plotted{p}})
		}
	}
	return charts
}

// plotted and its bounds are what the plotter asks for.

// Len is the number of points.
func (p plotted) Len() int { return len(p.xs) }

// XY gives a median's place.
func (p plotted) XY(i int) (x, y float64) { return p.xs[i], p.ys[i].Median }

// YError gives how far the bounds are from the median.
func (p plotted) YError(i int) (low, high float64) {
	return p.ys[i].Median - p.ys[i].Min, p.ys[i].Max - p.ys[i].Median
}

// palette holds colours that people with any colour vision tell apart, on white.
var palette = []color.Color{
	color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff},
	color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff},
	color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff},
	color.RGBA{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff},
}

const (
	chartWidth  = 18 * vg.Centimeter
	chartHeight = 9 * vg.Centimeter
)

// save draws the chart into a folder.
func (c Chart) save(dir string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	p.Y.Min = 0
	p.Legend.Top = true
	p.BackgroundColor = color.White
	p.Y.Tick.Marker = plot.TickerFunc(labelTicks)
	if c.points {
		p.X.Tick.Marker = plot.TickerFunc(c.pointTicks)
	}
	if c.logX {
		p.X.Scale = plot.LogScale{}
	}
	p.Add(plotter.NewGrid())
	for i, curve := range c.curves {
		if err := c.add(p, curve, palette[i%len(palette)]); err != nil {
			return fmt.Errorf("draw %s: %w", c.title, err)
		}
	}
	p.Y.Max *= 1.15 // room for the legend
	if c.points {
		p.X.Max *= 1.05 // and for the last label
	}
	if err := p.Save(chartWidth, chartHeight, filepath.Join(dir, c.file())); err != nil {
		return fmt.Errorf("draw %s: %w", c.title, err)
	}
	return nil
}

// add draws one curve.
func (c Chart) add(p *plot.Plot, curve plotted, ink color.Color) error {
	line, points, err := plotter.NewLinePoints(curve)
	if err != nil {
		return err
	}
	line.Color, points.Color, points.Shape = ink, ink, draw.CircleGlyph{}
	p.Add(line)
	if c.points {
		bars, err := plotter.NewYErrorBars(curve)
		if err != nil {
			return err
		}
		bars.Color = ink
		p.Add(points, bars)
	}
	if curve.name != "" {
		p.Legend.Add(curve.name, line)
	}
	return nil
}

// pointTicks marks the points of the curves on their axis.
func (c Chart) pointTicks(_, _ float64) []plot.Tick {
	var ticks []plot.Tick
	for _, curve := range c.curves {
		for _, x := range curve.xs {
			ticks = append(ticks, plot.Tick{Value: x, Label: FormatNumber(x, 0)})
		}
	}
	return ticks
}

// labelTicks are the usual ones, with commas between the thousands.
func labelTicks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" && high >= 1000 {
			ticks[i].Label = FormatNumber(t.Value, 0)
		}
	}
	return ticks
}
