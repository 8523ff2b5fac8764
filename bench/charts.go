package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/corpastro/astrohook/bench/report"
)

// chartsArgument, as the first one, makes the bench draw charts of a run that is over.
const chartsArgument = "charts"

// chartsCommand draws charts on demand: results.json is kept in git and pictures are
// not, because they can be drawn again from it.
type chartsCommand struct {
	Results string `arg:"" help:"Folder of a run, with its results.json."`
	Out     string `help:"Folder to draw into; the run's own by default." placeholder:"DIR"`
}

// Run draws all charts for which the run has the figures, and prints their names.
func (c *chartsCommand) Run(context.Context) error {
	r, err := report.Open(c.Results)
	if err != nil {
		return err
	}
	names, err := r.SaveCharts(cmp.Or(c.Out, c.Results))
	if len(names) == 0 && err == nil {
		fmt.Println("nothing to draw: this run varied no setting, and has no long scenario")
	}
	for _, name := range names {
		fmt.Println(name)
	}
	return err
}
