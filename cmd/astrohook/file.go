package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	kongyaml "github.com/alecthomas/kong-yaml"
	"gopkg.in/yaml.v3"
)

// settingsFile gives flags their values from a YAML file. Its keys are the
// flags' names, all at the top level, whichever command a flag belongs to; a
// group of flags can be nested: "endpoint: {timeout: 5s}" is endpoint-timeout.
type settingsFile struct {
	keys   []string
	values kong.Resolver
}

// loadFile reads a settings file.
func loadFile(r io.Reader) (kong.Resolver, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the settings file: %w", err)
	}
	content := map[string]any{}
	if err := yaml.Unmarshal(text, &content); err != nil {
		return nil, fmt.Errorf("settings file: %w", err)
	}
	values, err := kongyaml.Loader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("settings file: %w", err)
	}
	return &settingsFile{keys: flatKeys("", content), values: values}, nil
}

func flatKeys(prefix string, content map[string]any) []string {
	var keys []string
	for key, value := range content {
		if inner, ok := value.(map[string]any); ok {
			keys = append(keys, flatKeys(prefix+key+"-", inner)...)
			continue
		}
		keys = append(keys, prefix+key)
	}
	slices.Sort(keys)
	return keys
}

// Validate refuses keys that are no setting: they would be without effect.
func (f *settingsFile) Validate(model *kong.Application) error {
	known := map[string]bool{}
	for _, node := range append([]*kong.Node{model.Node}, model.Leaves(false)...) {
		for _, flag := range node.Flags {
			known[flag.Name] = true
		}
	}
	for _, key := range f.keys {
		if !known[key] || key == "help" || key == "config" {
			return fmt.Errorf("settings file: %s is not a setting", key)
		}
	}
	return nil
}

// Resolve gives a flag's value. The environment wins, which the parser reads by itself.
func (f *settingsFile) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // the parser's way to say that there is no value
		}
	}
	value, err := f.values.Resolve(ctx, &kong.Path{App: ctx.Model}, flag)
	if err != nil {
		return nil, fmt.Errorf("settings file: %s: %w", flag.Name, err)
	}
	if err := scalar(value); err != nil {
		return nil, fmt.Errorf("settings file: %w", err)
	}
	return value, nil
}

var errMapping = errors.New("a mapping stands where one value is expected")

func scalar(value any) error {
	if _, is := value.(map[string]any); is {
		return errMapping
	}
	return nil
}

// secretLine is a file's content without the line's end.
func secretLine(content []byte) string { return strings.TrimRight(string(content), "\r\n") }
