package connection

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/storage/disk"
)

// profiles is the file that login writes. It holds credentials: nobody but its owner may
// read it.
type profiles struct {
	Current  string             `yaml:"current"` // a key of Profiles; "" for none
	Profiles map[string]profile `yaml:"profiles"`

	path string
}

// profile is one server, and the token to call it with.
type profile struct {
	Server string `yaml:"server"`
	Token  string `yaml:"token"`
}

// homelessError is the error of a process without a home directory, such as one in a
// container.
type homelessError struct{ cause error }

// Error says what is missing.
func (e *homelessError) Error() string { return "no place for profiles: " + e.cause.Error() }

// isHomeless reports whether an error is that there is no home directory.
func isHomeless(err error) bool {
	_, is := errors.AsType[*homelessError](err)
	return is
}

// profilesPath returns the path of the file: $XDG_CONFIG_HOME/astrohook/profiles.yaml, or
// what takes its place on this system.
func profilesPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", &homelessError{err}
	}
	return filepath.Join(dir, "astrohook", "profiles.yaml"), nil
}

// readProfiles reads the file. One that is missing is an fs.ErrNotExist, together with what
// write needs. A file that others can read is refused, as ssh does with a private key:
// whoever reads this only now has tokens to revoke.
func readProfiles() (*profiles, error) {
	path, err := profilesPath()
	if err != nil {
		return nil, err
	}
	file := &profiles{Profiles: map[string]profile{}, path: path}
	info, err := os.Stat(path)
	if err != nil {
		return file, err
	}
	if others := info.Mode().Perm() &^ 0o700; others != 0 && runtime.GOOS != "windows" { // which has other means than modes
		return nil, settings.Misuse(fmt.Sprintf("%s holds tokens and can be read or changed by others: chmod 600 %s", path, path))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the profiles: %w", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(file); err != nil {
		return nil, fmt.Errorf("read the profiles: %s: %w", path, err)
	}
	if file.Profiles == nil { // "profiles:" without an entry
		file.Profiles = map[string]profile{}
	}
	return file, nil
}

// readOrNew is readProfiles, with no profiles for a file that is missing.
func readOrNew() (*profiles, error) {
	file, err := readProfiles()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return file, err
}

// write replaces the file, with the mode 0600. A crash leaves the old file or the new one.
func (p *profiles) write() error {
	text, err := yaml.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the profiles: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fmt.Errorf("write the profiles: %w", err)
	}
	err = disk.Replace(p.path, func(file *os.File) error {
		_, err := file.Write(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the profiles: %w", err)
	}
	return nil
}

// names returns the names of the profiles, sorted.
func (p *profiles) names() []string { return slices.Sorted(maps.Keys(p.Profiles)) }

// unknown returns the error about a profile that does not exist.
func (p *profiles) unknown(name string) error {
	reason := fmt.Sprintf("there is no profile %q", name)
	if len(p.Profiles) == 0 {
		return settings.Misuse(reason + ": `astrohook login` makes one")
	}
	return settings.Misuse(reason + settings.DidYouMean("", settings.Nearest(name, p.names())))
}

// Names returns the names of the profiles, sorted; none if the file cannot be read. It is
// for the completion of a command line, where no error can be shown.
func Names() []string {
	file, err := readOrNew()
	if err != nil {
		return nil
	}
	return file.names()
}
