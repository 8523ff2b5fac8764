package main

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

// renamed returns the present name of a setting that had another name before; ""
// if it had none.
func renamed(name string) string {
	if rest, old := strings.CutPrefix(name, "endpoint-"); old {
		return "webhook-" + rest
	}
	return ""
}

// nearestNames returns the names that are spelt most like a wrong one, the
// nearest first: at most maxNearest, none of which differs in more than a third
// of its characters. A setting that was renamed has its new name only.
func nearestNames(wrong string, known []string) []string {
	if now := renamed(wrong); now != "" {
		if slices.Contains(known, now) {
			return []string{now}
		}
		wrong = now
	}
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

// didYouMean asks for names in place of a wrong one; "" if there are none.
func didYouMean(prefix string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": did you mean " + prefix + strings.Join(names, " or "+prefix) + "?"
}

// checkEnvironment refuses variables that were meant as settings and are none:
// those of settings that were renamed, and those that are spelt almost like one.
// Others may belong to somebody else: Kubernetes sets ASTROHOOK_PORT for a service
// called astrohook.
func checkEnvironment(model *kong.Application) error {
	known := settingNames(model)
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		setting, ours := strings.CutPrefix(name, envPrefix)
		setting = strings.ToLower(strings.ReplaceAll(setting, "_", "-"))
		if !ours || setting == "config" || slices.Contains(known, setting) {
			continue
		}
		near := nearestNames(setting, known)
		if renamed(setting) == "" && (len(near) == 0 || levenshtein.Distance(setting, near[0], nil) > 2) {
			continue
		}
		for i, n := range near {
			near[i] = envName(n)
		}
		return &usageError{fmt.Sprintf("%s is not a setting%s", name, didYouMean("", near))}
	}
	return nil
}

// envPrefix begins the names of settings in the environment.
const envPrefix = "ASTROHOOK_"

// envName is a setting's name in the environment.
func envName(setting string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}
