package report

import (
	"fmt"
	"image/color"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Len, XY and YError are what the plotter asks of a curve. Len is the number of points.
func (p plotted) Len() int { return len(p.xs) }

// XY returns a median's place.
func (p plotted) XY(i int) (x, y float64) { return p.xs[i], p.ys[i].Median }

// YError returns how far the bounds are from the median.
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

// A chart fits the width of a page of text.
const (
	chartWidth  = 18 * vg.Centimeter
	chartHeight = 9 * vg.Centimeter
)

// save draws the chart into a folder, as SVG: text stays text, and git compresses it.
func (c chart) save(dir string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	p.Y.Min = 0 // a cut axis exaggerates differences
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

// add draws one curve, with bars from its smallest to its largest values.
func (c chart) add(p *plot.Plot, curve plotted, ink color.Color) error {
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

// pointTicks marks the points of the curves on their axis: a reader wants to know where
// it was measured.
func (c chart) pointTicks(_, _ float64) []plot.Tick {
	var ticks []plot.Tick
	for _, curve := range c.curves {
		for _, x := range curve.xs {
			ticks = append(ticks, plot.Tick{Value: x, Label: FormatNumber(x, 0)})
		}
	}
	return ticks
}

// labelTicks returns the usual ticks, with commas between the thousands.
func labelTicks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" && high >= 1000 {
			ticks[i].Label = FormatNumber(t.Value, 0)
		}
	}
	return ticks
}
