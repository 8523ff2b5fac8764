package registration

import (
	"maps"
	"slices"
	"strings"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// receiverInput is how an endpoint's receiver is to be called. Each of the headers may be
// null by itself, which removes it (RFC 7396).
type receiverInput struct {
	Headers  optional[map[string]optional[string]] `json:"headers"`
	CABundle optional[string]                      `json:"ca_bundle"`
}

// receiverResource shows it. Header values may be credentials and are never shown.
type receiverResource struct {
	HeaderNames []string `json:"header_names,omitempty"`
	CABundle    string   `json:"ca_bundle,omitzero"`
}

// showReceiver returns what may be shown of how the receiver is called.
func showReceiver(e *webhook.Endpoint) receiverResource {
	r := receiverResource{CABundle: e.CABundle}
	for _, h := range e.Headers {
		r.HeaderNames = append(r.HeaderNames, h.Name)
	}
	return r
}

// ForList leaves out what is too large for a list: a bundle has up to 16 KiB.
func (r *receiverResource) ForList() { r.CABundle = "" }

// resetReceiver sets back what PUT replaces when it is absent.
func resetReceiver(e *webhook.Endpoint) { e.CABundle, e.Headers = "", nil }

// checkReceiver refuses what can be judged without the endpoint.
func (in *receiverInput) checkReceiver(r *Rules, f *jsonbody.Faults) {
	f.Add(webhook.CheckCustomHeaders(in.headers(), r.HeaderPrefix))
	if in.CABundle.Given() {
		_, err := webhook.ParseCABundle(in.CABundle.Value)
		f.Add(err)
	}
}

// headers returns the headers that have values, in the order of their names.
func (in *receiverInput) headers() []webhook.CustomHeader {
	var list []webhook.CustomHeader
	for _, name := range slices.Sorted(maps.Keys(in.Headers.Value)) {
		if value := in.Headers.Value[name]; value.Given() {
			list = append(list, webhook.CustomHeader{Name: name, Value: value.Value})
		}
	}
	return list
}

// applyReceiver merges the headers with those that are there; names are equal whatever
// their case (RFC 9110, section 5.1). The operator may allow fewer than
// webhook.MaxCustomHeaders.
func (in *receiverInput) applyReceiver(e *webhook.Endpoint, most *webhook.Ceilings, f *jsonbody.Faults) {
	if in.CABundle.Set {
		e.CABundle = in.CABundle.Value
	}
	if in.Headers.Null {
		e.Headers = nil
	}
	if !in.Headers.Given() {
		return
	}
	merged := in.headers()
	for _, old := range e.Headers {
		if !in.names(old.Name) {
			merged = append(merged, old)
		}
	}
	slices.SortFunc(merged, func(a, b webhook.CustomHeader) int { return strings.Compare(a.Name, b.Name) })
	if most.Headers > 0 && len(merged) > most.Headers {
		f.Add(tooMany("headers", "members", most.Headers, "max-webhook-headers"))
	}
	f.Add(webhook.CheckCustomHeaderSizes(merged))
	e.Headers = merged
}

// names reports whether the input has a header of that name, with a value or null.
func (in *receiverInput) names(header string) bool {
	for name := range in.Headers.Value {
		if strings.EqualFold(name, header) {
			return true
		}
	}
	return false
}
