package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// publishing stands for a server's API for events: it keeps the bodies it got.
type publishing struct {
	status int
	answer func(body string) string
	bodies []string
}

// ServeHTTP answers with the status and the answer that the test has set.
func (p *publishing) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.bodies = append(p.bodies, request.URL.Path+" "+string(body))
	w.WriteHeader(p.status)
	_, _ = io.WriteString(w, p.answer(string(body)))
}

func one(text string) func(string) string { return func(string) string { return text } }

// publish runs the command against a server that answers as given.
func publish(t *testing.T, api *publishing, stdin string, args ...string) result {
	t.Helper()
	server := httptest.NewServer(api)
	defer server.Close()
	return runCommand(t, stdin, append([]string{"publish", "--token=tok", "--server", server.URL}, args...)...)
}

func TestPublish(t *testing.T) {
	file := writeFile(t, "data.json", `{"n": 1.0}`)
	for _, c := range []struct {
		reason, stdin string
		args          []string
		want          string
	}{
		{"data on the command line", "", []string{"user.created", `{"n":1}`}, `/api/events {"event_type":"user.created","data":{"n":1}}`},
		{"data from a file, byte for byte", "", []string{"user.created", "@" + file}, `/api/events {"event_type":"user.created","data":{"n": 1.0}}`},
		{"data from the standard input", `[1]`, []string{"user.created"}, `/api/events {"event_type":"user.created","data":[1]}`},
		{"for a client, with a key", "", []string{"user.created", "1", "--for-client=acme", "--idempotency-key=k\"1"}, `/api/events {"client_id":"acme","event_type":"user.created","idempotency_key":"k\"1","data":1}`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			api := &publishing{status: 202, answer: one(`{"id":"evt_1","deliveries":2}`)}
			got := publish(t, api, c.stdin, c.args...)
			if got.code != 0 || got.out != "evt_1  2 deliveries\n" {
				t.Errorf("%+v", got)
			}
			if len(api.bodies) != 1 || api.bodies[0] != c.want {
				t.Errorf("sent %q, want %q", api.bodies, c.want)
			}
		})
	}
}

// TestPublishDeliveries: the line that users read says whether no webhook asks for the
// event, or a webhook is paused or disabled, or a client has too much pending.
func TestPublishDeliveries(t *testing.T) {
	for answer, want := range map[string]string{
		`"deliveries":0`:              "0 deliveries: no webhook asks for this event",
		`"deliveries":0,"disabled":1`: "0 deliveries, 1 withheld from a disabled webhook",
		`"deliveries":1,"paused":1`:   "1 delivery, 1 waiting for a paused webhook",
		`"deliveries":3,"limited":2`:  "3 deliveries, 2 withheld from a client with too much pending",
	} {
		api := &publishing{status: 202, answer: one(`{"id":"evt_1",` + answer + `}`)}
		if got := publish(t, api, "", "user.created", "1"); got.code != 0 || got.out != "evt_1  "+want+"\n" {
			t.Errorf("%s: %+v", answer, got)
		}
	}
}

func TestPublishRefused(t *testing.T) {
	api := &publishing{status: 422, answer: one(`{"title":"Unknown event type","field":"event_type","detail":"is not registered","suggestions":["user.created"]}`)}
	got := publish(t, api, "", "user.craeted", "{}")
	const want = "astrohook: publish: the server answered 422 Unprocessable Entity: Unknown event type: event_type: is not registered (perhaps user.created)\n"
	if got.code != 1 || got.err != want {
		t.Errorf("%+v", got)
	}
	api = &publishing{status: 409, answer: one(`{"title":"a\u001b[2Jb"}`)}
	if got := publish(t, api, "", "user.created", "{}"); got.code != 1 || !strings.Contains(got.err, "a?[2Jb") {
		t.Errorf("control characters of the server's: %+v", got)
	}
	api = &publishing{status: 502, answer: one("<html>\x1b[2J")}
	if got := publish(t, api, "", "user.created", "{}"); got.code != 1 || got.err != "astrohook: publish: the server answered 502 Bad Gateway\n" {
		t.Errorf("%+v", got)
	}
}

// TestPublishBatch: lines go in order, in requests of bounded size, and each is answered.
func TestPublishBatch(t *testing.T) {
	var lines strings.Builder
	const count = batchEvents + 3
	for i := range count {
		fmt.Fprintf(&lines, `{"event_type":"user.created","data":%d}`+"\n\n", i)
	}
	api := &publishing{status: 207}
	api.answer = func(body string) string {
		var results []string
		for line := range strings.Lines(body) {
			if strings.Contains(line, ":7}") {
				results = append(results, `{"status":422,"problem":{"title":"Invalid input"}}`)
				continue
			}
			results = append(results, `{"status":202,"id":"evt_1","deliveries":1}`)
		}
		return `{"results":[` + strings.Join(results, ",") + `]}`
	}
	got := publish(t, api, lines.String(), "--batch=-")
	if got.code != 1 || !strings.Contains(got.err, fmt.Sprintf("%d events accepted, 1 refused", count-1)) {
		t.Errorf("exit code %d, error %q", got.code, got.err)
	}
	printed := strings.Split(strings.TrimSpace(got.out), "\n")
	if len(printed) != count || printed[7] != "line 15  refused: Invalid input" || printed[8] != "line 17  evt_1  1 delivery" {
		t.Errorf("%d lines: %q", len(printed), printed[:min(9, len(printed))])
	}
	if len(api.bodies) != 2 || strings.Count(api.bodies[0], "\n") != batchEvents || strings.Count(api.bodies[1], "\n") != 3 {
		t.Errorf("%d requests", len(api.bodies))
	}
}

// TestPublishBatchBytes: long events make more requests, none of them too long for the server.
func TestPublishBatchBytes(t *testing.T) {
	line := `{"event_type":"user.created","data":"` + strings.Repeat("x", 300<<10) + `"}` + "\n"
	api := &publishing{status: 202}
	api.answer = func(body string) string {
		return `{"results":[` + strings.TrimSuffix(strings.Repeat(`{"id":"evt_1","deliveries":0},`, strings.Count(body, "\n")), ",") + `]}`
	}
	got := publish(t, api, strings.Repeat(line, 7), "--batch=-")
	if got.code != 0 || strings.Count(got.out, "evt_1") != 7 || !strings.HasSuffix(got.out, "\n7 events accepted\n") {
		t.Errorf("exit code %d, error %q", got.code, got.err)
	}
	for _, body := range api.bodies {
		if len(body) > maxPublish {
			t.Errorf("a request of %d bytes", len(body))
		}
	}
	if len(api.bodies) != 3 {
		t.Errorf("%d requests", len(api.bodies))
	}
}

// TestPublishBatchStops: when a whole request is refused, the error says how many events were accepted.
func TestPublishBatchStops(t *testing.T) {
	api := &publishing{status: 503, answer: one(`{"title":"Shutting down"}`)}
	got := publish(t, api, strings.Repeat(`{"event_type":"user.created","data":1}`+"\n", 2*batchEvents), "--batch=-")
	if got.code != 1 || !strings.Contains(got.err, "503 Service Unavailable: Shutting down (0 events accepted") || len(api.bodies) != 1 {
		t.Errorf("%+v after %d requests", got, len(api.bodies))
	}
}

// TestPublishReceipts: more than one reason in one line, and answers that count nothing.
func TestPublishReceipts(t *testing.T) {
	for answer, want := range map[string]string{
		`{"id":"evt_1","deliveries":1}`:                  "evt_1  1 delivery\n",
		`{"id":"evt_1","deliveries":2,"disabled":1}`:     "evt_1  2 deliveries, 1 withheld from a disabled webhook\n",
		`{"id":"evt_1","deliveries":0,"disabled":3}`:     "evt_1  0 deliveries, 3 withheld from a disabled webhook\n",
		`{"id":"evt_1","deliveries":0}`:                  "evt_1  0 deliveries: no webhook asks for this event\n",
		`{"id":"evt_1","deliveries":0,"duplicate":true}`: "evt_1  0 deliveries  (published before with this key)\n",
	} {
		if got := publish(t, &publishing{status: 202, answer: one(answer)}, "", "user.created", "{}"); got.code != 0 || got.out != want {
			t.Errorf("%s: %+v", answer, got)
		}
	}
	if got := publish(t, &publishing{status: 202, answer: one("")}, "\n", "--batch=-"); got.code != 0 || got.out != "0 events accepted\n" {
		t.Errorf("an empty file: %+v", got)
	}
}

// TestPublishUsage: what is refused before anything is sent.
func TestPublishUsage(t *testing.T) {
	long := writeFile(t, "long.json", `"`+strings.Repeat("x", maxPublish)+`"`)
	for _, c := range []struct {
		reason, stdin string
		args          []string
		code          int
		want          string
	}{
		{"no type", "", nil, exitUsage, "an event type, or --batch FILE, is missing"},
		{"a type and a file with types", "", []string{"user.created", "--batch=x"}, exitUsage, "--batch takes the event types from its file"},
		{"data that is not JSON", "", []string{"user.created", "{"}, exitUsage, "the event's data is not JSON"},
		{"no data", "", []string{"user.created"}, exitUsage, "the event's data is not JSON"},
		{"two values", "1 2", []string{"user.created"}, exitUsage, "the event's data is not JSON"},
		{"a missing file", "", []string{"user.created", "@/no/such"}, exitFailed, "read the input: open /no/such"},
		{"a file that is too long", "", []string{"user.created", "@" + long}, exitFailed, "longer than 1048576 bytes"},
		{"a missing batch", "", []string{"--batch=/no/such"}, exitFailed, "read the events: open /no/such"},
		{"a batch that is a directory", "", []string{"--batch", t.TempDir()}, exitFailed, "is a directory (0 events accepted, 0 refused before)"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			api := &publishing{status: 202, answer: one(`{"id":"evt_1"}`)}
			got := publish(t, api, c.stdin, c.args...)
			if got.code != c.code || !strings.Contains(got.err, c.want) || got.out != "" {
				t.Errorf("%+v, want exit code %d and an error with %q", got, c.code, c.want)
			}
			if len(api.bodies) > 0 {
				t.Errorf("sent %q", api.bodies)
			}
		})
	}
}

// TestPublishBatchLongLine: a line that no request can hold ends the command; the lines
// before it are published, and the error counts them.
func TestPublishBatchLongLine(t *testing.T) {
	file := writeFile(t, "events", "{}\n\n  \n{}\n"+strings.Repeat("x", batchBytes)+"\n{}\n")
	api := &publishing{status: 202, answer: one(`{"results":[{"id":"evt_1","deliveries":1},{"id":"evt_2","deliveries":1}]}`)}
	got := publish(t, api, "", "--batch", file)
	if got.code != exitFailed || !strings.Contains(got.err, "token too long") || !strings.Contains(got.err, "(2 events accepted, 0 refused before)") {
		t.Errorf("exit code %d, error %q", got.code, got.err)
	}
	if got.out != "line 1  evt_1  1 delivery\nline 4  evt_2  1 delivery\n" || len(api.bodies) != 1 {
		t.Errorf("printed %q after %d requests", got.out, len(api.bodies))
	}
}

// TestPublishBatchAnswer: an answer that does not have a result for each event is a
// refusal of all of them: nobody can say which were accepted.
func TestPublishBatchAnswer(t *testing.T) {
	for answer, want := range map[string]string{
		`{"results":[]}`:               "the server answered 202 Accepted (0 events accepted",
		`{"results":[{"id":"evt_1"}]}`: "the server answered 202 Accepted (0 events accepted",
		`<html>`:                       "the server answered 202 Accepted (0 events accepted",
		`{"title":"Too many events"}`:  "the server answered 202 Accepted: Too many events (0 events accepted",
	} {
		got := publish(t, &publishing{status: 202, answer: one(answer)}, "{}\n{}\n", "--batch=-")
		if got.code != exitFailed || !strings.Contains(got.err, want) || got.out != "" {
			t.Errorf("%s: %+v, want an error with %q", answer, got, want)
		}
	}
}

// TestPublishInterrupted: an interrupt ends a call that waits for its answer, and a batch
// says how many events were accepted before.
func TestPublishInterrupted(t *testing.T) {
	for _, c := range []struct{ arg, want string }{
		{"user.created", "astrohook: publish: call the server: "},
		{"--batch=-", "context canceled (0 events accepted, 0 refused before)"},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			interrupt()
			<-r.Context().Done()
		}))
		var out, errOut strings.Builder
		code := run(ctx, []string{"astrohook", "publish", "--token=tok", "--server", server.URL, c.arg}, streams{In: strings.NewReader("{}"), Out: &out, Err: &errOut})
		if code != exitFailed || out.Len() > 0 || !strings.Contains(errOut.String(), c.want) {
			t.Errorf("%s: exit code %d, printed %q, error %q, want %q in it", c.arg, code, out.String(), errOut.String(), c.want)
		}
		server.Close()
	}
}
