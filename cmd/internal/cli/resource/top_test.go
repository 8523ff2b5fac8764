package resource

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// TestTopFilter: the filter leaves the webhooks of which something that is shown has the text.
func TestTopFilter(t *testing.T) {
	const answer = `{"pending":7,"pending_limit":100,"in_flight":2,"breakers_open":1,"webhooks":{"active":3},
		"worst":[{"webhook_id":"wh_1","client_id":"acme","status":"active","pending":7,"circuit_breaker":{"state":"open"}},
		{"webhook_id":"wh_2","client_id":"globex","status":"paused","circuit_breaker":{"state":"closed"}}]}`
	for filter, want := range map[string][2]bool{
		"": {true, true}, "acme": {true, false}, "paused": {false, true}, "open": {true, false}, "wh_": {true, true}, "nobody": {},
	} {
		asked := ""
		from := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.RequestURI()
			_, _ = io.WriteString(w, answer)
		})
		var out strings.Builder
		c := Top{single: single{caller: from, Watch: live.Watch{Flags: output.Flags{Output: output.Table}}}, Sort: "age", Filter: filter}
		err := c.Run(t.Context(), terminal.Streams{Out: &out, Err: io.Discard})
		got := [2]bool{strings.Contains(out.String(), "wh_1"), strings.Contains(out.String(), "wh_2")}
		if err != nil || got != want || asked != "/api/overview?sort=age" || strings.Contains(out.String(), "No webhook stands out.") != (filter == "nobody") {
			t.Errorf("%q: %v, asked %s, printed\n%s", filter, err, asked, out.String())
		}
	}
}
