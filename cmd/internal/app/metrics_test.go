package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/yaml.v3"
)

// repository is the folder of the module, seen from this package.
var repository = filepath.Join("..", "..", "..")

// metric is one that the server has, as its description says.
type metric struct {
	kind   string // counter, gauge or histogram
	labels []string
	help   string
}

// descriptor is how prometheus.Desc prints itself, which is all that it shows.
var descriptor = regexp.MustCompile(`^Desc\{fqName: "(.*?)", help: "(.*?)"(?:, unit: "")?, constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// serverMetrics returns every metric that a server with all its parts has, and those of Go
// and the process, by name.
func serverMetrics(t *testing.T) map[string]metric {
	t.Helper()
	c := testConfig(t)
	c.JWTKeysURL, c.AllowAddresses = "http://127.0.0.1:1/keys", []string{"127.0.0.0/8"}
	registry := start(t, c).parts.registry
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]string)
	for _, f := range families {
		kinds[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	found := make(map[string]metric)
	for d := range descriptions {
		parts := descriptor.FindStringSubmatch(d.String())
		if parts == nil {
			t.Fatal("a description of another form:", d)
		}
		m := metric{kind: kinds[parts[1]], help: parts[2]}
		for label := range strings.SplitSeq(parts[3]+","+parts[4], ",") {
			if name, _, _ := strings.Cut(label, "="); name != "" {
				m.labels = append(m.labels, name)
			}
		}
		if m.kind == "" { // it has no series yet
			m.kind = "gauge"
			if strings.HasSuffix(parts[1], "_total") {
				m.kind = "counter"
			}
		}
		slices.Sort(m.labels)
		found[parts[1]] = m
	}
	return found
}

func (m metric) row(name string) string {
	labels := ""
	for i, l := range m.labels {
		if i > 0 {
			labels += ", "
		}
		labels += "`" + l + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |", name, m.kind, labels, m.help)
}

// TestMetricsTable: docs/metrics.md has a row for each of the server's own metrics, as it
// describes itself, and no other.
func TestMetricsTable(t *testing.T) {
	page := readFile(t, "docs", "metrics.md")
	var want []string
	all := serverMetrics(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		if !strings.HasPrefix(name, "astrohook_") {
			continue
		}
		if m.help == "" {
			t.Error(name, "has no help")
		}
		want = append(want, m.row(name))
	}
	var has []string
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "| `astrohook_") {
			has = append(has, strings.TrimSpace(line))
		}
	}
	if !slices.Equal(has, want) {
		t.Errorf("the table in docs/metrics.md must be:\n%s", strings.Join(want, "\n"))
	}
}

// ruleFile is a file of Prometheus's rules, as far as the tests look at it.
type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Record      string
			Alert       string
			Expr        string
			For         string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

func readRules(t *testing.T, name string) (f ruleFile) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, "deploy", "prometheus", name)), &f); err != nil || len(f.Groups) == 0 {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, filepath.Join(path...)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// watched are the expressions of the rules and of the dashboard, by where they stand.
func watched(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, file := range []string{"recorded.rules.yml", "alerts.rules.yml"} {
		for _, g := range readRules(t, file).Groups {
			for _, r := range g.Rules {
				all[file+": "+r.Record+r.Alert] = r.Expr
			}
		}
	}
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			all["dashboard: "+p.Title+" "+q.RefID] = q.Expr
		}
	}
	return all
}

// dashboard is Grafana's form of one, as far as the tests look at it.
type dashboard struct {
	UID, Title string
	Panels     []struct {
		ID                       int
		Type, Title, Description string
		Datasource               struct{ Type, UID string }
		GridPos                  struct{ X, Y, W, H int }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []struct{ Expr, RefID string }
	}
	Templating struct {
		List []struct{ Name, Type string }
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, "deploy", "grafana", "astrohook.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	// named are the names of metrics in an expression, each with its matchers if there are any.
	named = regexp.MustCompile(`([a-z_]+:)?\b(astrohook|process|go)_[a-z0-9_]+(:[a-z0-9_]+)?(\{[^}]*\})?`)
	// matcher is one matcher, quoted is what a string may hold that looks like a name.
	matcher = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)`)
	quoted  = regexp.MustCompile(`"[^"]*"`)
)

// TestWatchedMetrics: rules and dashboard name only metrics, recorded series and labels that
// there are.
func TestWatchedMetrics(t *testing.T) {
	have := serverMetrics(t)
	for _, g := range readRules(t, "recorded.rules.yml").Groups {
		for _, r := range g.Rules {
			have[r.Record] = metric{kind: "recorded", labels: []string{"reason", "status", "attempt"}}
		}
	}
	for where, expr := range watched(t) {
		for _, fault := range unknownNames(expr, have) {
			t.Errorf("%s: %s", where, fault)
		}
	}
}

// unknownNames returns what an expression names that is not there.
func unknownNames(expr string, have map[string]metric) (faults []string) {
	expr = quoted.ReplaceAllString(expr, `""`)
	for _, found := range named.FindAllString(expr, -1) {
		name, matchers, _ := strings.Cut(found, "{")
		m, known := have[name]
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && !known {
				m, known = have[base]
				known = known && m.kind == "histogram"
			}
		}
		if !known {
			faults = append(faults, "there is no "+name)
			continue
		}
		for _, pair := range matcher.FindAllStringSubmatch(matchers, -1) {
			if label := pair[1]; !slices.Contains(append(m.labels, "instance", "job", "le"), label) {
				faults = append(faults, name+" has no label "+label)
			}
		}
	}
	if len(named.FindAllString(expr, -1)) == 0 && !strings.HasPrefix(expr, "up{") && !strings.Contains(expr, "ALERTS{") {
		faults = append(faults, "it names no metric")
	}
	return faults
}

// TestUnknownNames shows that the check finds what it is for.
func TestUnknownNames(t *testing.T) {
	have := map[string]metric{
		"astrohook_a_total":      {kind: "counter", labels: []string{"reason"}},
		"astrohook_b_seconds":    {kind: "histogram"},
		"instance:astrohook_a:x": {kind: "recorded"},
	}
	for expr, faults := range map[string]int{
		`rate(astrohook_a_total{reason!="none", instance=~"$instance"}[5m]) > 0`:                               0,
		`histogram_quantile(0.9, sum by (le) (rate(astrohook_b_seconds_bucket[5m]))) + instance:astrohook_a:x`: 0,
		`rate(astrohook_c_total[5m])`:                 1,
		`astrohook_a_total{reason="astrohook_c"}`:     0,
		`astrohook_a_total{status="x"}`:               1,
		`rate(astrohook_a_total_bucket[5m])`:          1,
		`instance:astrohook_a:y`:                      1,
		`instance:astrohook_a:x * astrohook_b_second`: 1,
		`vector(1)`:                1,
		`up{job="astrohook"} == 0`: 0,
	} {
		if got := unknownNames(expr, have); len(got) != faults {
			t.Errorf("%s: %v", expr, got)
		}
	}
}

// TestRunbooks: each alert has a severity, says what is the matter, links to a section of
// docs/operations.md that is there, and has a case in alerts.test.yml; and no section is
// left of an alert that is gone.
func TestRunbooks(t *testing.T) {
	page, cases := readFile(t, "docs", "operations.md"), readFile(t, "deploy", "prometheus", "alerts.test.yml")
	var alerts []string
	for _, g := range readRules(t, "alerts.rules.yml").Groups {
		for _, r := range g.Rules {
			alerts = append(alerts, r.Alert)
			link := "https://github.com/corpastro/astrohook/blob/main/docs/operations.md#" + strings.ToLower(r.Alert)
			if r.Annotations["runbook_url"] != link {
				t.Errorf("%s links to %q, want %q", r.Alert, r.Annotations["runbook_url"], link)
			}
			if s := r.Labels["severity"]; s != "page" && s != "ticket" || r.Annotations["summary"] == "" {
				t.Errorf("%s: severity %q, summary %q", r.Alert, s, r.Annotations["summary"])
			}
			if !strings.Contains(cases, `name: "`+r.Alert+`: `) {
				t.Errorf("%s has no case in alerts.test.yml", r.Alert)
			}
		}
	}
	var sections []string
	for line := range strings.Lines(page) {
		if name, ok := strings.CutPrefix(line, "### Astrohook"); ok {
			sections = append(sections, "Astrohook"+strings.TrimSpace(name))
		}
	}
	if !slices.Equal(sections, alerts) {
		t.Errorf("docs/operations.md has sections for\n%v, and the alerts are\n%v", sections, alerts)
	}
}

// TestDashboard: it can be imported anywhere (no data source of ours), each panel says what
// it shows and in which unit, and none lies over another.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.UID != "astrohook" || d.Title == "" || len(d.Templating.List) != 2 || d.Templating.List[0].Type != "datasource" || d.Templating.List[0].Name != "datasource" {
		t.Errorf("%q %q %+v", d.UID, d.Title, d.Templating)
	}
	ids := make(map[int]bool)
	taken := make(map[[2]int]string)
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: the id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if over := taken[at]; over != "" || at[0] >= 24 {
					t.Fatalf("%s lies over %q, or beyond the edge", p.Title, over)
				}
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%q lacks a description, a unit, a query or the data source: %+v", p.Title, p)
		}
	}
}
