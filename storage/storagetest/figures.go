package storagetest

import (
	"bytes"

	"github.com/corpastro/astrohook/storage"
)

// figureTests are about what servers have counted.
var figureTests = []test{
	{name: "keeps figures by name, and finds them by prefix", run: func(f *fixture) {
		large := bytes.Repeat([]byte{0, 0xff}, storage.MaxFigures/2)
		for name, value := range map[string][]byte{"a/": {1}, "a/one": large, "a/two": {2}, "b/\x00\xff": {3}, "b": {4}} {
			f.must(f.SaveFigures(f.Context(), name, value))
		}
		f.must(f.SaveFigures(f.Context(), "a/two", []byte{5}))
		f.check(func() {
			for prefix, want := range map[string]map[string][]byte{
				"a/": {"a/": {1}, "a/one": large, "a/two": {5}}, "b/": {"b/\x00\xff": {3}}, "b": {"b/\x00\xff": {3}, "b": {4}}, "c": {}, "a/one/": {},
			} {
				got, err := f.Figures(f.Context(), prefix)
				f.must(err)
				same(f, got, want)
			}
			all, err := f.Figures(f.Context(), "")
			f.must(err)
			same(f, len(all), 5)
		})
	}},
	{name: "removes figures, and keeps them apart from what callers hold", run: func(f *fixture) {
		value := []byte{1, 2}
		f.must(f.SaveFigures(f.Context(), "a", value))
		value[0] = 9
		got, err := f.Figures(f.Context(), "a")
		f.must(err)
		same(f, got["a"], []byte{1, 2})
		got["a"][1] = 9
		got, err = f.Figures(f.Context(), "a")
		f.must(err)
		same(f, got["a"], []byte{1, 2})
		f.must(f.SaveFigures(f.Context(), "a", nil))
		f.must(f.SaveFigures(f.Context(), "never", nil))
		f.check(func() {
			got, err := f.Figures(f.Context(), "")
			f.must(err)
			same(f, len(got), 0)
		})
	}},
}
