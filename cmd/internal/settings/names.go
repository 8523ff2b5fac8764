package settings

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/alecthomas/kong"
)

// maxNearest bounds the names that are suggested for a wrong one.
const maxNearest = 3

// renamed returns the present name of a setting that had another name in an earlier
// version; "" if it had none.
func renamed(name string) string {
	if rest, old := strings.CutPrefix(name, "endpoint-"); old {
		return "webhook-" + rest
	}
	return ""
}

// Nearest returns the names that are spelt most like a wrong one, the
// nearest first: at most maxNearest, and none that differs in more than a third
// of its characters. A setting that was renamed has its new name only.
func Nearest(wrong string, known []string) []string {
	if now := renamed(wrong); now != "" {
		if slices.Contains(known, now) {
			return []string{now}
		}
		wrong = now
	}
	// A third of the characters: with more, short names would be like any other.
	distance := map[string]int{}
	bound := max(2, len(wrong)/3)
	for _, name := range known {
		if d := levenshtein.Distance(wrong, name, nil); d <= bound {
			distance[name] = d
		}
	}
	var found []string
	for _, name := range known {
		if _, near := distance[name]; near {
			found = append(found, name)
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { return cmp.Compare(distance[a], distance[b]) })
	if len(found) > 1 && distance[found[0]] <= 2 && distance[found[1]] > distance[found[0]] {
		found = found[:1] // a slip of the finger: there is no doubt
	}
	return found[:min(len(found), maxNearest)]
}

// DidYouMean returns a question that offers names in place of a wrong one, each
// behind the prefix; "" if there are none.
func DidYouMean(prefix string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": did you mean " + prefix + strings.Join(names, " or "+prefix) + "?"
}

// CheckEnvironment returns an error for a variable that was meant as a setting and is
// none: its setting was renamed, or it is spelt almost like one. A server that ran without
// it would seem to have it. Others may belong to somebody else: Kubernetes sets
// ASTROHOOK_PORT for a service called astrohook. The error has names, never values.
func CheckEnvironment(model *kong.Application) error {
	known := Names(model)
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		setting, ours := strings.CutPrefix(name, envPrefix)
		setting = strings.ToLower(strings.ReplaceAll(setting, "_", "-"))
		if !ours || setting == "config" || slices.Contains(known, setting) {
			continue
		}
		near := Nearest(setting, known)
		if renamed(setting) == "" && (len(near) == 0 || levenshtein.Distance(setting, near[0], nil) > 2) {
			continue
		}
		for i, n := range near {
			near[i] = EnvName(n)
		}
		return Misuse(fmt.Sprintf("%s is not a setting%s", name, DidYouMean("", near)))
	}
	return nil
}

// envPrefix begins the names of settings in the environment.
const envPrefix = "ASTROHOOK_"

// EnvName returns a setting's name in the environment.
func EnvName(setting string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// UsageError is a fault of the command line that its parser cannot see. The process
// then ends with the exit code of wrong usage.
type UsageError struct{ reason string }

// Misuse returns a UsageError.
func Misuse(reason string) *UsageError { return &UsageError{reason: reason} }

// Error returns the reason, in one line for people.
func (e *UsageError) Error() string { return e.reason }
