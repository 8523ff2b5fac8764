// Package settings reads what a user sets, from the environment and a YAML file, and
// explains what is wrong with it: which name was meant, and in which line it stands.
//
// Names and places of settings belong here. Which settings exist, and what their
// values may be, belongs to app.Config and to the commands.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// File supplies flags with values from a YAML file. Its keys are the
// flags' names, all at the top level, whichever command a flag belongs to; a
// group of flags can be nested: "webhook: {timeout: 5s}" is webhook-timeout.
//
// The parser calls Load, then Validate, then Resolve for each flag of the command. A File
// serves one parser at a time; the zero value is ready.
type File struct {
	name    string               // for errors
	entries map[string]fileEntry // by the flag's name
	used    map[string]bool      // the flags that took their value from the file
}

// FileError is a fault of the settings file, at one of its lines.
type FileError struct {
	file   string
	line   int // 0 if it is not known
	reason string
}

// Error names the file and the line, in the form that editors understand.
func (e *FileError) Error() string {
	if e.line == 0 {
		return fmt.Sprintf("%s: %s", e.file, e.reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.reason)
}

// Load reads a settings file. It works on YAML's nodes, because they know their lines and
// keep values as they are written.
func (f *File) Load(r io.Reader) (kong.Resolver, error) {
	f.name, f.entries, f.used = "settings file", map[string]fileEntry{}, map[string]bool{}
	if file, ok := r.(interface{ Name() string }); ok {
		f.name = file.Name()
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the settings file: %w", err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, f.broken(err)
	}
	if err := yaml.Unmarshal(text, &map[string]any{}); err != nil { // it refuses repeated keys, the nodes do not
		return nil, f.broken(err)
	}
	if len(root.Content) == 0 { // an empty file
		return f, nil
	}
	return f, f.flatten("", root.Content[0])
}

// broken returns the error of a file that is not YAML, or no mapping. The parser's own
// error begins with the line, if it knows that.
func (f *File) broken(err error) error {
	reason := strings.TrimPrefix(err.Error(), "yaml: ")
	if failed, ok := errors.AsType[*yaml.TypeError](err); ok && len(failed.Errors) > 0 {
		reason = failed.Errors[0]
	}
	var line int
	if n, _ := fmt.Sscanf(reason, "line %d:", &line); n == 1 {
		_, reason, _ = strings.Cut(reason, ": ")
	}
	if strings.HasPrefix(reason, "cannot unmarshal ") {
		reason = "the file must hold settings, one a line, such as listen: 127.0.0.1:8080"
	}
	return &FileError{f.name, line, reason}
}

// flatten collects the entries of a mapping.
func (f *File) flatten(prefix string, mapping *yaml.Node) error {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if key.Tag == "!!merge" {
			if err := f.flatten(prefix, value); err != nil {
				return err
			}
			continue
		}
		name := prefix + key.Value
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 {
			if err := f.flatten(name+"-", value); err != nil {
				return err
			}
			continue
		}
		if before, twice := f.entries[name]; twice {
			return &FileError{f.name, key.Line, fmt.Sprintf("%s is set already at line %d", name, before.line)}
		}
		f.entries[name] = fileEntry{key: name, line: key.Line, node: value}
	}
	return nil
}

// Validate refuses keys that are no setting of any command: they would be without effect.
// Of several it names the one that stands first.
func (f *File) Validate(model *kong.Application) error {
	known := Names(model)
	for _, e := range slices.SortedFunc(maps.Values(f.entries), func(a, b fileEntry) int { return cmp.Compare(a.line, b.line) }) {
		if !slices.Contains(known, e.key) {
			return &FileError{f.name, e.line, e.key + " is not a setting" + DidYouMean("", Nearest(e.key, known))}
		}
	}
	return nil
}

// Names returns the names of all flags that can be set in a file or in the
// environment, sorted.
func Names(model *kong.Application) []string {
	var names []string
	for _, node := range append([]*kong.Node{model.Node}, model.Leaves(false)...) {
		for _, flag := range node.Flags {
			if isSetting(flag) && !slices.Contains(names, flag.Name) {
				names = append(names, flag.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// isSetting reports whether a flag can be set elsewhere than on the command line. One that
// has no name in the environment, such as a filter of one list, has none in the file either.
func isSetting(flag *kong.Flag) bool {
	return flag.Name != "help" && flag.Name != "config" && flag.Tag.Get("env") != "-"
}

// Resolve returns a flag's value. The environment wins, which the parser reads by itself.
func (f *File) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !isSetting(flag) {
		return nil, nil //nolint:nilnil // the parser's way to say that there is no value
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // the same
		}
	}
	e, there := f.entries[flag.Name]
	if !there {
		return nil, nil //nolint:nilnil // the same
	}
	value, err := e.value()
	if err == nil && value != nil {
		err = tryValue(flag, value)
	}
	if err != nil {
		return nil, &FileError{f.name, e.line, flag.Name + ": " + err.Error()}
	}
	f.used[flag.Name] = value != nil
	return value, nil
}

var (
	errMapping = errors.New("a mapping stands where one value is expected")
	errNested  = errors.New("a list holds something other than values")
)

// Where returns the file and the line that a setting's value came from; "" if it
// came from elsewhere.
func (f *File) Where(setting string) string {
	if f == nil || !f.used[setting] {
		return ""
	}
	return fmt.Sprintf("%s:%d", f.name, f.entries[setting].line)
}

// SecretLine returns a file's content without the end of its line.
func SecretLine(content []byte) string { return strings.TrimRight(string(content), "\r\n") }
