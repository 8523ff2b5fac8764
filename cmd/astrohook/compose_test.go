package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// composeFile is what the tests read of deploy/compose/compose.yaml. Unknown members pass:
// the rest is the container engine's.
type composeFile struct {
	Services map[string]struct {
		Build       struct{ Context, Dockerfile string } `yaml:"build"`
		Command     []string                             `yaml:"command"`
		Environment map[string]string                    `yaml:"environment"`
		Ports       []string                             `yaml:"ports"`
		Volumes     []string                             `yaml:"volumes"`
		DependsOn   map[string]any                       `yaml:"depends_on"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

// composeSecrets are values for what the file takes from the environment.
var composeSecrets = map[string]string{
	"DATABASE_PASSWORD": "secret", "ASTROHOOK_SECRET_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	"ASTROHOOK_CLUSTER_SECRET": strings.Repeat("c", 64), "ASTROHOOK_JWT_SECRET": strings.Repeat("j", 64),
}

// TestCompose: no container engine runs in the tests, so what the file says is compared with
// the program: each node would start with its settings, and all that it names is there.
func TestCompose(t *testing.T) {
	dir := filepath.Join("..", "..", "deploy", "compose")
	text, err := os.ReadFile(filepath.Join(dir, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&file); err != nil {
		t.Fatal(err)
	}
	known := knownVariables(t)
	nodes := 0
	for _, name := range slices.Sorted(maps.Keys(file.Services)) {
		s := file.Services[name]
		for on := range s.DependsOn {
			if _, there := file.Services[on]; !there {
				t.Errorf("%s depends on %s, which is not there", name, on)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			_, volume := file.Volumes[source]
			if _, err := os.Stat(filepath.Join(dir, source)); err != nil && !volume {
				t.Errorf("%s mounts %s, which is neither a file nor a volume", name, source)
			}
		}
		if s.Build.Dockerfile == "" {
			continue
		}
		nodes++
		if _, err := os.Stat(filepath.Join(dir, s.Build.Context, s.Build.Dockerfile)); err != nil {
			t.Error(err)
		}
		t.Run(name, func(t *testing.T) {
			for variable, value := range s.Environment {
				if !known[variable] {
					t.Errorf("%s is no setting", variable)
				}
				t.Setenv(variable, os.Expand(value, func(secret string) string { return composeSecrets[secret] }))
			}
			if got := runCommand(t, "", "config", "check"); got.code != 0 {
				t.Errorf("serve would not start: %+v", got)
			}
		})
	}
	if nodes != 3 {
		t.Errorf("%d nodes", nodes)
	}
	scripts, _ := filepath.Glob(filepath.Join(dir, "*.sh"))
	for _, script := range scripts {
		if out, err := exec.Command("bash", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", script, err, out)
		}
	}
}

// knownVariables returns the environment variables of serve.
func knownVariables(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, node := range commandModel(t).Leaves(false) {
		if node.Name == "serve" {
			for _, flag := range node.Flags {
				for _, env := range flag.Envs {
					known[env] = true
				}
			}
		}
	}
	return known
}
