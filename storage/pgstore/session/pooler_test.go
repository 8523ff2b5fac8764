package session

import (
	"errors"
	"testing"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// TestRefusePooler: the database itself is accepted, and a pooler that keeps a session for
// each client.
func TestRefusePooler(t *testing.T) {
	for _, c := range []struct {
		why     string
		pooler  bool
		keep    bool
		refused bool
	}{
		{"the database itself", false, false, false},
		{"session mode", true, true, false},
		{"transaction mode", true, false, true},
	} {
		url := serverURL(t, "")
		if c.pooler {
			p, err := pgtest.NewPooler(url, c.keep)
			must(t, err)
			defer func() { _ = p.Close() }() // its clients have ended
			url = p.URL()
		}
		config, err := Parse(url, 1)
		must(t, err)
		if err := RefusePooler(t.Context(), config.ConnConfig); errors.Is(err, ErrPooler) != c.refused || !c.refused && err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

// TestLookForPooler: two sessions with one process are none, and a look leaves no
// transaction open.
func TestLookForPooler(t *testing.T) {
	one, other := open(t, "").PgConn(), open(t, "").PgConn()
	if err := lookForPooler(t.Context(), one, one); !errors.Is(err, ErrPooler) {
		t.Errorf("the same session twice: %v", err)
	}
	for range 2 {
		if err := lookForPooler(t.Context(), one, other); err != nil {
			t.Error(err)
		}
	}
	if one.TxStatus() != 'I' || other.TxStatus() != 'I' {
		t.Errorf("transactions: %c and %c", one.TxStatus(), other.TxStatus())
	}
}

// TestStatementMode: a pooler that has no transactions says so, and other errors are no
// sign of one.
func TestStatementMode(t *testing.T) {
	conn := open(t, "").PgConn()
	for text, refused := range map[string]bool{
		"transaction blocks not allowed in statement pooling mode": true, "something else": false,
	} {
		pid, err := process(t.Context(), conn, "DO $$ BEGIN RAISE EXCEPTION '"+text+"'; END $$; ")
		if err == nil || pid != "" || errors.Is(err, ErrPooler) != refused {
			t.Errorf("%s: %q, %v", text, pid, err)
		}
	}
}
