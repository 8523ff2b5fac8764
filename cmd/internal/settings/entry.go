package settings

import (
	"errors"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// fileEntry is one key of the file, nested ones joined, with its value.
type fileEntry struct {
	key  string
	line int        // of the key, from 1
	node *yaml.Node // the value, with aliases followed
}

// value is what the entry says: a text, or a list of texts, as they stand in the
// file. What they mean is for the flag to decide: YAML would take a secret of
// digits for a number.
func (e fileEntry) value() (any, error) {
	switch e.node.Kind {
	case yaml.ScalarNode:
		if e.node.Tag == "!!null" {
			return nil, nil //nolint:nilnil // no value
		}
		return e.node.Value, nil
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range e.node.Content {
			if item.Kind == yaml.AliasNode {
				item = item.Alias
			}
			if item.Kind != yaml.ScalarNode {
				return nil, errNested
			}
			list = append(list, item.Value)
		}
		return list, nil
	}
	return nil, errMapping
}

// tryValue returns what is wrong with a value, before the parser takes it, which does not
// know where it stands. It decodes into a value that is then thrown away.
func tryValue(flag *kong.Flag, value any) error {
	scratch := reflect.New(flag.Target.Type()).Elem()
	err := flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), scratch)
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), flag.ShortSummary()+": "))
}
