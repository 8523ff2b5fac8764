package badgerstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
)

// TestUpgradeThatIsCutOff: what a step left that did not end is refused by the older
// program, which would read half of it, and brought to its end by the newer one.
func TestUpgradeThatIsCutOff(t *testing.T) {
	cutOff := errors.New("cut off")
	refuse := func(*engine.DB) error { return errUnsealed }
	ran := 0
	step := func(fail error) func(*engine.DB) error {
		return func(*engine.DB) error {
			ran++
			return fail
		}
	}
	dir := t.TempDir()
	open := func(target int, steps ...func(*engine.DB) error) error {
		return engine.With(dir, func(db *engine.DB) error { return upgradeTo(db, target, steps) })
	}
	for _, c := range []struct {
		name  string
		open  func() error
		fails string
		ran   int
	}{
		{"version 2 makes it", func() error { return open(2, refuse) }, "", 0},
		{"version 4 is cut off in its second step", func() error { return open(4, refuse, step(nil), step(cutOff)) }, "cut off", 2},
		{"version 2 refuses it", func() error { return open(2, refuse) }, "use the newer program", 0},
		{"version 3 refuses it", func() error { return open(3, refuse, step(nil)) }, "use the newer program", 0},
		{"version 4 repeats the step", func() error { return open(4, refuse, step(nil), step(nil)) }, "", 1},
		{"version 4 has nothing to do", func() error { return open(4, refuse, step(nil), step(nil)) }, "", 0},
	} {
		ran = 0
		err := c.open()
		if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", c.name, err)
		}
		if ran != c.ran {
			t.Errorf("%s: %d steps ran, want %d", c.name, ran, c.ran)
		}
	}
}

// TestRefusedUpgradeChangesNothing: the older program continues with a directory that
// a newer one would not take.
func TestRefusedUpgradeChangesNothing(t *testing.T) {
	dir := t.TempDir()
	err := engine.With(dir, func(db *engine.DB) error {
		return errors.Join(upgradeTo(db, 1, nil), upgradeTo(db, 2, upgrades), upgradeTo(db, 1, nil))
	})
	if !errors.Is(err, errUnsealed) || strings.Contains(err.Error(), "newer program") {
		t.Error(err)
	}
}
