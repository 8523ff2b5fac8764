//go:build faults

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// rulesDir has the rules that operators load.
var rulesDir = filepath.Join(repository, "deploy", "prometheus")

// prometheusTool returns the path of prometheus or promtool: the one of the system, or the
// one that make setup-prometheus has put beside the other tools.
func prometheusTool(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path, err := filepath.Abs(filepath.Join(repository, ".bin", "prometheus", name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("needs %s: run make setup-prometheus (%v)", name, err)
	}
	return path
}

// TestFaultAlertRules runs the cases of alerts.test.yml: when each alert fires, and when it
// does not.
func TestFaultAlertRules(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", "recorded.rules.yml", "alerts.rules.yml"},
		{"check", "config", "prometheus.yml"},
		{"test", "rules", "alerts.test.yml"},
	} {
		tool := exec.CommandContext(t.Context(), prometheusTool(t, "promtool"), args...)
		tool.Dir = rulesDir
		if out, err := tool.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// alerts are the names of the alerts that Prometheus loads, each with its expression.
func alerts(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	text, err := os.ReadFile(filepath.Join(rulesDir, "alerts.rules.yml"))
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			found[r.Alert] = r.Expr
		}
	}
	return found
}

// monitor is a real Prometheus that scrapes servers under test, with the rules that operators
// load: only what they wait for is shortened.
type monitor struct {
	base    string
	process *exec.Cmd
	words   tail
	exited  chan struct{}
}

// shortened are the parts of the rules that a test cannot wait for.
var shortened = []struct{ from, to string }{
	{`for: 1m\n`, "for: 5s\n"}, // longer than a restart takes
	{`for: \d+m\n`, "for: 0s\n"},
	{`(astrohook_token_keys_age_seconds) > 360`, `$1 > 3`},
	{`(astrohook_oldest_pending_age_seconds\{.*\}) > 3600`, `$1 > 2`},
}

func startMonitor(t *testing.T, targets ...string) *monitor {
	t.Helper()
	dir := t.TempDir()
	rules, err := os.ReadFile(filepath.Join(rulesDir, "alerts.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shortened {
		part := regexp.MustCompile(s.from)
		if !part.Match(rules) {
			t.Fatalf("the rules have nothing like %s", s.from)
		}
		rules = part.ReplaceAll(rules, []byte(s.to))
	}
	recorded, err := filepath.Abs(filepath.Join(rulesDir, "recorded.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(targets)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}
rule_files: [%q, alerts.rules.yml]
scrape_configs: [{job_name: astrohook, static_configs: [{targets: %s}]}]
`, recorded, list)
	for name, text := range map[string]string{"alerts.rules.yml": string(rules), "prometheus.yml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := reserveAddress(t)
	m := &monitor{base: "http://" + address, exited: make(chan struct{})}
	m.process = exec.Command(prometheusTool(t, "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	m.process.Stdout, m.process.Stderr = &m.words, &m.words
	if err := m.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = m.process.Wait() // killed at the end
		close(m.exited)
	}()
	t.Cleanup(func() {
		_ = m.process.Process.Kill()
		<-m.exited
		if t.Failed() {
			t.Logf("Prometheus's last words:\n%s", m.words.String())
		}
	})
	return m
}

// ask reads the data of an answer of Prometheus's API.
func (m *monitor) ask(path string, query url.Values, out any) error {
	response, err := http.Get(m.base + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Error string
		Data  any
	}{Data: out}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(answer.Error)
	}
	return nil
}

// series returns the labels of the series that a query finds now.
func (m *monitor) series(query string) (found []map[string]string, err error) {
	var data struct {
		Result []struct{ Metric map[string]string }
	}
	err = m.ask("/api/v1/query", url.Values{"query": {query}}, &data)
	for _, r := range data.Result {
		found = append(found, r.Metric)
	}
	return found, err
}

// firing returns an error unless an alert fires, or has fired, for an instance.
func (m *monitor) firing(alert, instance string) func() error {
	return func() error {
		query := fmt.Sprintf(`max_over_time(ALERTS{alertname=%q, instance=%q, alertstate="firing"}[10m])`, alert, instance)
		found, err := m.series(query)
		if err == nil && len(found) == 0 {
			err = errors.New(alert + " does not fire")
		}
		return err
	}
}

// scraped returns an error unless an instance was scraped since.
func (m *monitor) scraped(instance string, since time.Time) func() error {
	return func() error {
		found, err := m.series(fmt.Sprintf(`up{instance=%q} == 1 and timestamp(up{instance=%q}) > %d`, instance, instance, since.Unix()+1))
		if err == nil && len(found) == 0 {
			err = errors.New("it was not")
		}
		return err
	}
}
