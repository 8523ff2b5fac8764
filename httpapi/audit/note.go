// Package audit keeps who changed what: the note that a handler makes of a change, the
// entry that is stored before the call is answered, and the list, GET /api/audit.
//
// Which calls are changes stands in the table of routes; what of a resource has changed is
// compared here, and values of secrets go nowhere.
package audit

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook/audit"
)

// Note is what a handler says of the change that its call makes.
type Note struct {
	// Resource is the ID or the name of what is changed, ClientID its owner.
	Resource, ClientID string
	// By names who it is, where the call itself finds that out; "" for its caller.
	By string
	// Nothing: the call turned out to change nothing, such as a dry run.
	Nothing bool
	changes []audit.Change
}

// noteKey is where a request keeps its note.
const noteKey = "audit note"

// Of returns the note of a request. Of a call that is not recorded it is nobody's.
func Of(ctx *fasthttp.RequestCtx) *Note {
	if n, ok := ctx.UserValue(noteKey).(*Note); ok {
		return n
	}
	return new(Note)
}

// Begin makes the note of a request, and returns it.
func Begin(ctx *fasthttp.RequestCtx) *Note {
	n := new(Note)
	ctx.SetUserValue(noteKey, n)
	return n
}

// About says what is changed, and whose it is.
func (n *Note) About(resource, clientID string) *Note {
	n.Resource, n.ClientID = resource, clientID
	return n
}

// Bounds of what an entry holds.
const (
	maxChanges = 100
	maxValue   = 1000 // bytes of a value
)

// mask takes the place of a value that nobody may read.
const mask = `"***"`

// Hidden notes that a member has changed whose values nobody may read.
func (n *Note) Hidden(field string) { n.add(audit.Change{Field: field, Before: mask, After: mask}) }

// Set notes a value that the call has brought about, such as a count.
func (n *Note) Set(field string, value any) { n.Compare(nil, map[string]any{field: value}) }

// Compare notes what differs between a resource as the API showed it before and as it shows
// it now, member by member; nil is none. It leaves out the names of secrets, and times that
// change with each change.
func (n *Note) Compare(before, after any) {
	was, is := members(before), members(after)
	for _, field := range slices.Sorted(maps.Keys(merged(was, is))) {
		if a, b := was[field], is[field]; a != b {
			n.add(audit.Change{Field: field, Before: a, After: b})
		}
	}
}

func (n *Note) add(c audit.Change) {
	if len(n.changes) < maxChanges {
		n.changes = append(n.changes, c)
	}
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// members returns the members of a value that is a JSON object, those of objects in it with
// dots between.
func members(v any) map[string]string {
	out := map[string]string{}
	if v == nil {
		return out
	}
	text, err := json.Marshal(v)
	if err == nil {
		flatten(out, "", text)
	}
	return out
}

// left are members that say nothing about a change, or must not be kept.
var left = []string{"id", "created_at", "updated_at", "secret", "standard_secret", "key", "hash"}

func flatten(out map[string]string, prefix string, text jsontext.Value) {
	if text.Kind() == 'n' {
		return // null is absent
	}
	var object map[string]jsontext.Value
	if text.Kind() != '{' || json.Unmarshal(text, &object) != nil {
		out[prefix] = bounded(prefix, text)
		return
	}
	for name, value := range object {
		if !slices.Contains(left, name) {
			flatten(out, strings.TrimPrefix(prefix+"."+name, "."), value)
		}
	}
}

// bounded returns a value as it is kept: a long one by its size, and of a URL neither user
// information nor query, which may be credentials.
func bounded(field string, text jsontext.Value) string {
	if len(text) > maxValue {
		return fmt.Sprintf(`"(%d bytes)"`, len(text))
	}
	var raw string
	if !strings.HasSuffix(field, "url") || json.Unmarshal(text, &raw) != nil {
		return string(text)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return mask
	}
	if u.User != nil {
		u.User = url.User("***")
	}
	if u.RawQuery != "" {
		u.RawQuery = "***"
	}
	masked, _ := json.Marshal(u.String()) // a string
	return string(masked)
}
