package httpapi

import (
	"bytes"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/httpapi/eventinput"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
)

// TestUnknownTypeSaysWhatToDo: the refusal of an event type names the call that
// registers it and the setting that turns the check off, wherever a type is named.
func TestUnknownTypeSaysWhatToDo(t *testing.T) {
	f := newFixture(t)
	path := "/api/webhooks/" + f.register(t, acme)
	for _, r := range []*reply{
		f.want(t, 422, backend, "POST", "/api/events", `{"event_type":"order.shipped","data":1}`),
		f.want(t, 422, backend, "POST", "/api/events/batch", `[{"event_type":"order.shipped","data":1}]`),
		f.want(t, 422, acme, "POST", "/api/webhooks", `{"event_type":"order.shipped","target_url":"https://example.com/"}`),
		f.want(t, 422, acme, "POST", path+"/test", `{"event_type":"order.shipped"}`),
	} {
		for _, want := range []string{`POST /api/event-types {\"name\":\"order.shipped\"}`, "check-event-types"} {
			if !strings.Contains(string(r.body), want) {
				t.Errorf("no %s in %s", want, r.body)
			}
		}
	}
	f.want(t, 201, admin, "POST", "/api/event-types", `{"name":"order.shipped"}`) // as it says
	f.want(t, 202, backend, "POST", "/api/events", `{"event_type":"order.shipped","data":1}`)
}

// TestMissingBody: an absent body, or an absent part of an event, is called missing.
func TestMissingBody(t *testing.T) {
	f := newFixture(t)
	path := "/api/webhooks/" + f.register(t, acme)
	for _, c := range []struct{ caller, method, path, body, field string }{
		{backend, "POST", "/api/events", "", "body"},
		{backend, "POST", "/api/events", " \r\n\t", "body"},
		{backend, "POST", "/api/events/batch", "", "body"},
		{backend, "POST", "/api/events/batch", "\n\n", "body"},
		{acme, "POST", "/api/webhooks", "", "body"},
		{acme, "PUT", path, "", "body"},
		{acme, "PATCH", path, "\n", "body"},
		{admin, "POST", "/api/event-types", "", "body"},
		{admin, "PUT", "/api/event-types/user.created", "", "body"},
		{admin, "POST", "/api/keys", "", "body"},
		{backend, "POST", "/api/events", `{}`, "event_type"},
		{backend, "POST", "/api/events", `{"data":1}`, "event_type"},
		{backend, "POST", "/api/events", `{"event_type":"user.created"}`, "data"},
	} {
		r := f.do(t, c.caller, c.method, c.path, c.body)
		if r.text(t, "field") != c.field || !strings.Contains(r.text(t, "detail"), c.field+" is missing") {
			t.Errorf("%s %s %q: %d %s", c.method, c.path, c.body, r.status, r.body)
		}
	}
}

// TestPrettyBatch: an event that is printed over several lines is one fault of the body, not
// a fault of each line, and nothing is published.
func TestPrettyBatch(t *testing.T) {
	f := newFixture(t)
	const pretty = "{\n  \"event_type\": \"user.created\",\n  \"data\": {\n    \"n\": 1\n  }\n}\n"
	for _, c := range []struct{ body, content string }{
		{pretty, "application/json"},
		{pretty, eventinput.ContentLines},
		{"\n" + pretty + pretty, eventinput.ContentLines},
		{pretty + eventWith("1") + "\n", eventinput.ContentLines},
		{"[\n" + eventWith("1") + ",\n" + eventWith("2") + "\n]\n", eventinput.ContentLines},
	} {
		r := f.want(t, 422, backend, "POST", "/api/events/batch", c.body, "Content-Type", c.content)
		if r.text(t, "field") != jsonbody.Whole || !strings.Contains(r.text(t, "detail"), "over several lines") {
			t.Errorf("%q: %s", c.body, r.body)
		}
	}
	if n := f.dispatcher.published(); n != 0 {
		t.Errorf("%d events were published", n)
	}
	// A line that is cut off fails alone, as ever, and an array may have lines.
	f.want(t, 207, backend, "POST", "/api/events/batch", "{\"event_type\":\"user.created\",\n"+eventWith("1"), "Content-Type", eventinput.ContentLines)
	f.want(t, 202, backend, "POST", "/api/events/batch", "[\n"+eventWith("1")+",\n"+strings.TrimSpace(pretty)+"\n]\n")
}

// TestAnswersEndTheirLine: every JSON answer, a problem too, ends with a line's end,
// so that a terminal's prompt stands on a line of its own.
func TestAnswersEndTheirLine(t *testing.T) {
	s := newScene(t)
	callers := []string{admin, acme, backend, nobody}
	seen := map[int]bool{}
	for i := range visits {
		method, path := visits[i].split()
		for _, caller := range callers {
			r := s.do(t, caller, method, s.path(path), visits[i].body)
			if len(r.body) == 0 || !strings.Contains(r.header.Get("Content-Type"), "json") {
				continue
			}
			seen[r.status] = true
			if !bytes.HasSuffix(r.body, []byte("}\n")) || bytes.HasSuffix(r.body, []byte("\n\n")) {
				t.Errorf("%s %s as %s: %d %q", method, path, caller, r.status, r.body)
			}
		}
	}
	for _, path := range []string{"/nope", "/api/webhooks/x/y"} {
		if r := s.want(t, 404, admin, "GET", path, ""); !bytes.HasSuffix(r.body, []byte("}\n")) {
			t.Errorf("%s: %q", path, r.body)
		}
	}
	for _, status := range []int{200, 201, 202, 401, 403, 404, 422} {
		if !seen[status] {
			t.Errorf("no answer had the status %d", status)
		}
	}
	if _, _, body := s.raw(t, "BAD\r\n\r\n"); !strings.HasSuffix(body, "}\n") {
		t.Errorf("what is no request: %q", body)
	}
}
