package httpapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/corpastro/astrohook/webhook"
)

// connectionInput is how an endpoint's receiver is to be called. An absent member
// leaves what is there, null removes it; so does each one of Headers.
type connectionInput struct {
	Headers  optional[map[string]optional[string]] `json:"headers"`
	CABundle optional[string]                      `json:"ca_bundle"`
}

// checkConnection refuses what can be judged without knowing the endpoint. prefix
// is that of Astrohook's own headers.
func (in *connectionInput) checkConnection(prefix string, f *faults) {
	f.add(webhook.CheckCustomHeaders(in.given(), prefix))
	if in.CABundle.Given() {
		_, err := webhook.ParseCABundle(in.CABundle.Value)
		f.add(err)
	}
}

// given are the headers that have values, in order of their names.
func (in *connectionInput) given() []webhook.CustomHeader {
	var list []webhook.CustomHeader
	for _, name := range slices.Sorted(maps.Keys(in.Headers.Value)) {
		if value := in.Headers.Value[name]; value.Given() {
			list = append(list, webhook.CustomHeader{Name: name, Value: value.Value})
		}
	}
	return list
}

// apply changes an endpoint as the input says. Headers are merged (RFC 7396);
// their names differ by more than casing. The operator may allow fewer than
// webhook.MaxCustomHeaders.
func (in *connectionInput) apply(e *webhook.Endpoint, most *webhook.Ceilings, f *faults) {
	if in.CABundle.Set {
		e.CABundle = in.CABundle.Value
	}
	if in.Headers.Null {
		e.Headers = nil
	}
	if !in.Headers.Given() {
		return
	}
	merged := in.given()
	for _, old := range e.Headers {
		if !in.names(old.Name) {
			merged = append(merged, old)
		}
	}
	slices.SortFunc(merged, func(a, b webhook.CustomHeader) int { return strings.Compare(a.Name, b.Name) })
	if most.Headers > 0 && len(merged) > most.Headers {
		f.add(tooMany("headers", "members", most.Headers, "max-webhook-headers"))
	}
	f.add(webhook.CheckCustomHeaderSizes(merged))
	e.Headers = merged
}

// names tells whether the input has a header of that name, null or not.
func (in *connectionInput) names(header string) bool {
	for name := range in.Headers.Value {
		if strings.EqualFold(name, header) {
			return true
		}
	}
	return false
}
