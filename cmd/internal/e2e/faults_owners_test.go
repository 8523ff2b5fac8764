//go:build faults

package e2e

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// ownersWatch makes the database note, in the transaction of each outcome, who records it
// for which part, and who owns the part there and then.
const ownersWatch = `
	CREATE TABLE test_outcome (incarnation int8, part int2, epoch int8, owner int8, outcomes int8);
	CREATE FUNCTION test_note() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE writer text := lpad(substring(current_setting('application_name') FROM '^astrohook/([0-9a-f]{1,16})$'), 16, '0');
		BEGIN
			INSERT INTO test_outcome SELECT ('x' || writer)::bit(64)::int8, p.part, p.epoch, p.owner, count(*)
				FROM changed JOIN partition p USING (part) GROUP BY p.part, p.epoch, p.owner;
			RETURN NULL;
		END $$;
	CREATE TRIGGER test_done AFTER INSERT ON done REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION test_note();
	CREATE TRIGGER test_retry AFTER INSERT ON retrying REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION test_note();
	CREATE TRIGGER test_again AFTER UPDATE ON retrying REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION test_note();`

// recorded is what the database has noted.
type recorded struct {
	outcomes, strangers int // how many, and how many of them by who did not own the part
	shared              int // parts for which two nodes recorded outcomes between two moves
}

// watchOwners begins to note. The tables must be there.
func (c *clusterTrial) watchOwners() {
	c.t.Helper()
	if err := pgtest.Exec(c.t.Context(), c.url, ownersWatch); err != nil {
		c.t.Fatal(err)
	}
}

// auditOwners checks that whoever recorded an outcome owned the part in that transaction.
func (c *clusterTrial) auditOwners() {
	c.t.Helper()
	got, err := c.readOwners(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("%d outcomes recorded, by others than the owner: %d", got.outcomes, got.strangers)
	if got.outcomes == 0 || got.strangers > 0 || got.shared > 0 {
		c.t.Errorf("at some time two owners recorded outcomes: %+v", got)
	}
}

// readOwners returns what was noted so far.
func (c *clusterTrial) readOwners(ctx context.Context) (got recorded, err error) {
	conn, err := pgx.Connect(ctx, c.url)
	if err != nil {
		return got, err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, `SELECT coalesce(sum(outcomes), 0)::int8,
		coalesce(sum(outcomes) FILTER (WHERE owner IS DISTINCT FROM incarnation), 0)::int8,
		(SELECT count(*) FROM (SELECT 1 FROM test_outcome GROUP BY part, epoch HAVING count(DISTINCT incarnation) > 1) AS s)
		FROM test_outcome`).Scan(&got.outcomes, &got.strangers, &got.shared)
	return got, err
}

// seeStranger has somebody record an outcome for a part that a node owns: the audit of
// who owns what would notice. What was noted is forgotten, and the outcome with it.
func (c *clusterTrial) seeStranger(t *testing.T) {
	t.Helper()
	before, err := c.readOwners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	record := func(as string) recorded {
		execute(t, c.url, `SET application_name = '`+as+`';
			INSERT INTO done (part, endpoint, seq, nonce, status, record) SELECT part, 1, 1, epoch, 1, '' FROM partition WHERE part = 200`)
		execute(t, c.url, `DELETE FROM done WHERE part = 200 AND seq = 1`)
		got, err := c.readOwners(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := record("astrohook/1"); got.outcomes != before.outcomes+1 || got.strangers != 1 {
		t.Errorf("a stranger: %+v after %+v", got, before)
	}
	if got := record("astrohook/2"); got.strangers != 2 || got.shared != 1 {
		t.Errorf("two strangers: %+v", got)
	}
	execute(t, c.url, `DELETE FROM test_outcome WHERE incarnation IN (1, 2)`)
}
