package connection

import (
	"encoding/json"
	"fmt"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Profiles are the commands about profiles. Without a further word they list them.
type Profiles struct {
	List profilesList `cmd:"" default:"withargs" help:"List the profiles, without their tokens."`
	Use  profilesUse  `cmd:"" help:"Have commands use another profile."`
}

// profilesList lists profiles.
type profilesList struct {
	output.Flags `embed:""`
}

// listed is a profile without its token.
type listed struct {
	Name    string `json:"name"`
	Server  string `json:"server"`
	Current bool   `json:"current"`
}

// columns are those of a list of profiles.
var columns = []output.Column[listed]{
	{Title: "NAME", Text: func(l listed) string { return l.Name }},
	{Title: "SERVER", Text: func(l listed) string { return l.Server }, Least: 25},
	{Title: "IN USE", Text: func(l listed) string {
		if l.Current {
			return "yes"
		}
		return ""
	}},
}

// Run prints the list.
func (c *profilesList) Run(std terminal.Streams) error {
	file, err := readOrNew()
	if err != nil {
		return err
	}
	p := c.Printer(std)
	values := func(yield func(json.RawMessage, error) bool) {
		for _, name := range file.names() {
			text, err := json.Marshal(listed{name, file.Profiles[name].Server, name == file.Current})
			if !yield(text, err) {
				return
			}
		}
	}
	n, err := output.List(p, values, columns)
	if err == nil && n == 0 && p.Format == output.Table {
		p.Note("No profiles; `astrohook login` makes one.")
	}
	return err
}

// profilesUse chooses the profile of commands that name none.
type profilesUse struct {
	Name string `arg:"" complete:"profile" placeholder:"NAME" help:"Name of the profile."`
}

// Run makes a profile the one in use.
func (c *profilesUse) Run(std terminal.Streams) error {
	file, err := readOrNew()
	if err != nil {
		return err
	}
	p, there := file.Profiles[c.Name]
	if !there {
		return file.unknown(c.Name)
	}
	file.Current = c.Name
	if err := file.write(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(std.Err, "Commands use the profile %s from now on: %s.\n", c.Name, terminal.Printable(p.Server))
	return nil
}
