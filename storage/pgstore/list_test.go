package pgstore

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
)

// TestListsWhereNodesShareASeq: nodes number events by themselves, so that several can have
// one Seq. Lists are in one order all the same, and pages neither lose nor repeat any.
func TestListsWhereNodesShareASeq(t *testing.T) {
	s := openTest(t, "")
	var all []webhook.ID
	for seq := range uint64(4) {
		for nonce := range uint32(3) {
			e := webhook.Event{
				ID: webhook.ID{Seq: 1<<40 + seq, Nonce: nonce << 30}, Type: fmt.Sprintf("type.%d", nonce), Data: []byte(`{}`),
				Endpoints: []webhook.EndpointNumber{1, 2, 300},
			}
			done := make(chan error, 1)
			s.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			for _, n := range e.Endpoints {
				all = append(all, e.ID.For(n))
			}
		}
	}
	slices.SortFunc(all, func(a, b webhook.ID) int { return b.Compare(a) })
	for _, q := range []webhook.DeliveryQuery{{}, {Endpoint: 2}, {EventType: "type.1"}, {EventType: "type.2", Endpoint: 300}} {
		for _, q.Limit = range []int{1, 2, 5, 100} {
			var got, want []webhook.ID
			for _, id := range all {
				matches := (q.Endpoint == 0 || q.Endpoint == id.Endpoint) && (q.EventType == "" || q.EventType == fmt.Sprintf("type.%d", id.Nonce>>30))
				if matches {
					want = append(want, id)
				}
			}
			q.Before = webhook.ID{}
			for pages := 0; pages < 100; pages++ {
				page, err := s.ListDeliveries(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range page.Deliveries {
					got = append(got, d.ID)
				}
				if q.Before = page.Next; q.Before == (webhook.ID{}) {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v lists\n%v\nwant\n%v", q, got, want)
			}
		}
	}
}

// TestListReadsNoMoreThanItsPage: what a page costs depends on the page. The database says
// how many rows and blocks it has read for it, with the plans that sessions use.
func TestListReadsNoMoreThanItsPage(t *testing.T) {
	url := database(t)
	openTest(t, url)
	const stored, limit = 20_000, 51
	exec(t, url, fmt.Sprintf(`INSERT INTO done (part, endpoint, seq, nonce, status, finished, record)
		SELECT 1, 1, 1::int8 << 40 | n, 0, 1 + n %% 3, 0, '\x0202' FROM generate_series(1, %d) n`, stored))
	for _, name := range pendingTables {
		due := map[tables.Table]string{tables.QueuedTable: "", tables.RetryingTable: ", due"}[name]
		exec(t, url, fmt.Sprintf(`INSERT INTO %s (part, endpoint, seq, nonce, record%s)
			SELECT 1, 1, 1::int8 << 41 | n, 0, '\x01' %s FROM generate_series(1, %d) n`, name, due, strings.ReplaceAll(due, "due", "n"), stored))
	}
	conn := connectTest(t, url)
	if err := session.Configure(t.Context(), conn, session.Settings(false)); err != nil {
		t.Fatal(err)
	}
	for how, text := range tables.Scans {
		if _, err := conn.Exec(t.Context(), "PREPARE page AS "+text); err != nil {
			t.Fatal(err)
		}
		var explained []struct {
			Plan struct {
				Rows float64 `json:"Actual Rows"`
				Hit  int     `json:"Shared Hit Blocks"`
				Read int     `json:"Shared Read Blocks"`
			}
		}
		err := conn.QueryRow(t.Context(), fmt.Sprintf("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page(1::int2, 1, %d, 4294967295, 0, %d)", int64(math.MaxInt64), limit)).Scan(&explained)
		if err != nil {
			t.Fatal(err)
		}
		// A row takes its block, and a look into an index three; a table has hundreds.
		if p := explained[0].Plan; p.Rows != limit || p.Hit+p.Read > 2*limit || p.Hit+p.Read == 0 {
			t.Errorf("%s: %+v for a page of %d", how, p, limit)
		}
		if _, err := conn.Exec(t.Context(), "DEALLOCATE page"); err != nil {
			t.Fatal(err)
		}
	}
}
