package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// node is a node of a cluster, as the API shows it.
type node struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Version string `json:"version"`
	Self    bool   `json:"self"`
	Alive   bool   `json:"alive"`
	Leaving bool   `json:"leaving"`
	Parts   int    `json:"parts"`
}

// nodes returns the nodes of a server's cluster. There are none without a cluster, and without
// a token that may see them: the metrics count them all the same.
func nodes(ctx context.Context, target connection.Target) []node {
	if target.Token == "" {
		return nil
	}
	client, err := apiclient.New(target.Server, target.Token)
	if err != nil {
		return nil
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	status, text, err := client.Send(ctx, apiclient.Request{Method: http.MethodGet, Path: "/api/nodes"})
	var list struct {
		Data []node `json:"data"`
	}
	if err != nil || status != http.StatusOK || json.Unmarshal(text, &list) != nil {
		return nil
	}
	return list.Data
}

// field returns the line of a node.
func (n *node) field() output.Field {
	f := output.Field{Title: "node " + terminal.Printable(n.Name), Tone: output.Good}
	word := "alive"
	switch {
	case !n.Alive:
		word, f.Tone = "its lease is over", output.Bad
	case n.Leaving:
		word, f.Tone = "takes no parts", output.Warn
	}
	texts := []string{word, terminal.Counted(n.Parts, "part"), "version " + terminal.Printable(n.Version)}
	if n.Address != "" {
		texts = append(texts, terminal.Printable(n.Address))
	}
	if n.Self {
		texts = append(texts, "answers here")
	}
	f.Text = strings.Join(texts, ", ")
	return f
}

// cluster returns the line about the cluster, by the metrics of one node.
func (f *figures) cluster() output.Field {
	text, free := terminal.Counted(int64(*f.Nodes), "node")+" alive", 0.0
	if f.Parts != nil {
		text += fmt.Sprintf("; this one delivers %.0f of 256 parts", *f.Parts)
	}
	if f.FreeParts != nil {
		free = *f.FreeParts
	}
	if free > 0 {
		text += fmt.Sprintf("; nobody delivers %.0f", free)
	}
	return output.Field{Title: "cluster", Text: text, Tone: toneIf(free > 0, output.Warn)}
}
