package pgstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/schema"
	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
)

// everywhere are the statements that may look at all rows of a data table, wherever they
// are, and why that does no harm.
var everywhere = map[string]string{
	"reap.idem":        "removes what has expired, some hundred rows a second at most, and asks each server for its own",
	"reap.expired":     "the same of deliveries of no day",
	"days.late":        "asked once for each day that is dropped",
	"parts.unfinished": "asked at a start and when a node died, and the table is nearly always empty",
}

// outside are the files that have SQL which is no statement() of the package, and why.
var outside = map[string]string{
	"open.go":    "asks the server about itself",
	"session.go": "sets a session up",
	"days.go":    "moves rows of tables that are named by their day",
	"load.go":    "fills a database that nobody uses yet, on a session of its own",
}

// plan is a node of what EXPLAIN (FORMAT JSON) prints.
type plan struct {
	Type       string `json:"Node Type"`
	Relation   string `json:"Relation Name"`
	SubplanOf  string `json:"Subplan Name"`
	IndexCond  string `json:"Index Cond"`
	Recheck    string `json:"Recheck Cond"`
	Filter     string `json:"Filter"`
	JoinFilter string `json:"Join Filter"`
	Plans      []plan `json:"Plans"`
}

// planner explains statements, and knows which table a day belongs to.
type planner struct {
	conn    *pgx.Conn
	parents map[string]string
}

func newPlanner(t *testing.T) *planner {
	t.Helper()
	s := openTest(t, "")
	conn, err := session.Connect(t.Context(), s.config, s.settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	// Or the days would be left out of plans for arguments that are not known.
	if _, err := conn.Exec(t.Context(), "SET enable_partition_pruning = off"); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `SELECT i.inhrelid::regclass::text, i.inhparent::regclass::text FROM pg_inherits i`)
	if err != nil {
		t.Fatal(err)
	}
	p := &planner{conn: conn, parents: map[string]string{}}
	var child, parent string
	if _, err := pgx.ForEachRow(rows, []any{&child, &parent}, func() error { p.parents[child] = parent; return nil }); err != nil {
		t.Fatal(err)
	}
	return p
}

// explain returns the plan of a statement for arguments that are not known yet.
func (p *planner) explain(t *testing.T, name, sql string) plan {
	t.Helper()
	prepared, err := p.conn.Prepare(t.Context(), name, sql)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	args := ""
	if n := len(prepared.ParamOIDs); n > 0 {
		args = "(" + strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ") + ")"
	}
	var text []byte
	err = p.conn.QueryRow(t.Context(), fmt.Sprintf("EXPLAIN (FORMAT JSON, COSTS OFF) EXECUTE %s%s", pgx.Identifier{name}.Sanitize(), args)).Scan(&text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out []struct{ Plan plan }
	if err := json.Unmarshal(text, &out); err != nil || len(out) != 1 {
		t.Fatalf("%s: %s, %v", name, text, err)
	}
	return out[0].Plan
}

// table returns the data table that a node is about, "" if it is about none.
func (p *planner) table(n *plan) string {
	name := n.Relation
	if parent, is := p.parents[name]; is {
		name = parent
	}
	if _, large := schema.Distribution[name]; large {
		return name
	}
	return ""
}

// reads returns the data tables that a node and those below it read, except those of
// common table expressions, whose rows are handed over.
func (p *planner) reads(n *plan) map[string]bool {
	out := map[string]bool{}
	if name := p.table(n); name != "" && n.Type != "ModifyTable" {
		out[name] = true
	}
	for i := range n.Plans {
		if !strings.HasPrefix(n.Plans[i].SubplanOf, "CTE ") {
			maps.Copy(out, p.reads(&n.Plans[i]))
		}
	}
	return out
}

// faults returns what a distributed PostgreSQL could not do with a statement, or only by
// asking every server.
func (p *planner) faults(n *plan) (out []string) {
	if strings.HasSuffix(n.Type, "Loop") || strings.HasSuffix(n.Type, "Join") || n.SubplanOf != "" {
		if both := p.reads(n); len(both) > 1 {
			out = append(out, "joins "+strings.Join(slices.Sorted(maps.Keys(both)), " and "))
		}
	}
	own := strings.Join([]string{n.IndexCond, n.Recheck, n.Filter, n.JoinFilter}, " ")
	name := p.table(n)
	if strings.HasSuffix(n.Type, "Scan") && name != "" && n.Type != "Bitmap Index Scan" {
		column := schema.Distribution[name]
		if !regexp.MustCompile(`\b` + column + `\b`).MatchString(own) {
			out = append(out, fmt.Sprintf("reads %s without %s: %s", name, column, strings.TrimSpace(own)))
		}
	}
	// Plans are made once, on tables that may be empty, and stay.
	if n.Type == "Seq Scan" && name != "" {
		out = append(out, "scans all of "+name)
	}
	for i := range n.Plans {
		out = append(out, p.faults(&n.Plans[i])...)
	}
	return out
}

// inserts finds the columns that a statement inserts.
var inserts = regexp.MustCompile(`(?is)\bINSERT\s+INTO\s+(\w+)\s*(\([^)]*\))?`)

// updates finds what a statement assigns.
var updates = regexp.MustCompile(`(?is)\bUPDATE\s+(\w+)\b.*?\bSET\b(.*?)(?:\bFROM\b|\bWHERE\b|$)`)

// insertFaults returns the inserts into data tables that do not name the distribution
// column, and the updates that change it, which would move a row to another server.
func insertFaults(sql string) (out []string) {
	for _, m := range inserts.FindAllStringSubmatch(sql, -1) {
		column, large := schema.Distribution[m[1]]
		if large && !regexp.MustCompile(`\b`+column+`\b`).MatchString(m[2]) {
			out = append(out, "inserts into "+m[1]+" without "+column)
		}
	}
	for _, m := range updates.FindAllStringSubmatch(sql, -1) {
		column, large := schema.Distribution[m[1]]
		if large && regexp.MustCompile(`\b`+column+`\s*=`).MatchString(m[2]) {
			out = append(out, "changes "+column+" of "+m[1])
		}
	}
	return out
}

// foreign is SQL that a distributed PostgreSQL lacks, or that does not do there what it
// does here.
var foreign = map[string]string{
	`LISTEN|NOTIFY|UNLISTEN`:    "CockroachDB has none, and a commit that notifies locks the whole server",
	`SKIP\s+LOCKED`:             "a queue is read by its one owner",
	`pg_(try_)?advisory\w*`:     "CockroachDB ignores them",
	`ctid|xmin|xmax|tableoid`:   "they mean something on one server only",
	`MERGE`:                     "Citus has it since PostgreSQL 15 with restrictions, CockroachDB not",
	`CREATE\s+TEMP\w*`:          "temporary tables need a session, which a pooler does not keep",
	`DECLARE\s+\w+\s+CURSOR`:    "CockroachDB has them with restrictions",
	`FOR\s+(SHARE|KEY\s+SHARE)`: "sessions that share a row lock make multixacts, which have to be vacuumed",
}

// sharedLocks are the statements that may lock a row FOR SHARE all the same.
var sharedLocks = map[string]string{}

func foreignFaults(name, sql string) (out []string) {
	for pattern, reason := range foreign {
		found := regexp.MustCompile(`(?i)\b(` + pattern + `)\b`).FindString(sql)
		if _, may := sharedLocks[name]; found == "" || may && strings.HasPrefix(found, "FOR") {
			continue
		}
		out = append(out, found+": "+reason)
	}
	return out
}

// TestStatementsCanBeDistributed: a distributed PostgreSQL sends each statement to the
// servers that have its rows, without a join between servers.
func TestStatementsCanBeDistributed(t *testing.T) {
	p, used := newPlanner(t), map[string]bool{}
	for name, sql := range tables.Statements() {
		root := p.explain(t, name, sql)
		faults := slices.Concat(p.faults(&root), insertFaults(sql), foreignFaults(name, sql))
		slices.Sort(faults)
		for _, fault := range slices.Compact(faults) {
			if _, may := everywhere[name]; may && strings.HasPrefix(fault, "reads ") {
				used[name] = true
				continue
			}
			t.Errorf("%s %s", name, fault)
		}
	}
	for name := range everywhere {
		if !used[name] {
			t.Errorf("%s is listed as one that reads everywhere, and does not", name)
		}
	}
}

// TestStatementsThatCannot shows that the check finds what it forbids.
func TestStatementsThatCannot(t *testing.T) {
	p := newPlanner(t)
	for reason, c := range map[string]struct {
		sql  string
		want string
	}{
		"a join of two data tables":             {`SELECT 1 FROM queued q JOIN event e ON e.seq = q.seq WHERE q.part = $1 AND e.seq = $2`, "joins event and queued"},
		"a subquery on another data table":      {`SELECT 1 FROM queued q WHERE part = $1 AND EXISTS (SELECT FROM event e WHERE e.seq = q.seq)`, "joins event and queued"},
		"an EXCEPT of two, each with its part":  {`SELECT seq FROM queued WHERE part = $1 EXCEPT SELECT seq FROM retrying WHERE part = $1`, ""},
		"a read without the part":               {`SELECT 1 FROM queued WHERE endpoint = $1`, "reads queued without part"},
		"a deletion without the part":           {`DELETE FROM done WHERE seq < $1`, "reads done without part"},
		"an insert without the part":            {`INSERT INTO gate (endpoint, record) VALUES ($1, $2)`, "inserts into gate without part"},
		"an insert without columns":             {`INSERT INTO gate VALUES ($1, $2, $3)`, "inserts into gate without part"},
		"an update of the part":                 {`UPDATE gate SET part = $1 WHERE endpoint = $2`, "changes part of gate"},
		"a move":                                {`WITH gone AS (DELETE FROM queued q USING unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[]) AS u(part, endpoint, seq, nonce) WHERE q.part = u.part AND q.endpoint = u.endpoint AND q.seq = u.seq AND q.nonce = u.nonce RETURNING q.part, q.endpoint, q.seq, q.nonce) INSERT INTO retrying (part, endpoint, seq, nonce, due, record) SELECT part, endpoint, seq, nonce, 0, '' FROM gone`, ""},
		"a data table with a small one":         {`SELECT 1 FROM queued q JOIN endpoint e ON e.number = q.endpoint WHERE q.part = $1`, ""},
		"two data tables one after the other":   {`SELECT (SELECT count(*) FROM queued WHERE part = $1), (SELECT count(*) FROM retrying WHERE part = $1)`, ""},
		"an upsert of the row's own part":       {`INSERT INTO gate (part, endpoint, record) VALUES ($1, $2, $3) ON CONFLICT (part, endpoint) DO UPDATE SET record = excluded.record`, ""},
		"a scan of a whole table":               {`SELECT count(*) FROM attempt WHERE record = $1`, "scans all of attempt"},
		"a row of a small table for everybody":  {`SELECT version FROM registry`, ""},
		"a row that several lock":               {`SELECT version FROM registry FOR SHARE`, "FOR SHARE"},
		"a queue by polling":                    {`SELECT seq FROM queued WHERE part = $1 FOR UPDATE SKIP LOCKED`, "SKIP LOCKED"},
		"a place that only one server knows of": {`SELECT ctid FROM queued WHERE part = $1`, "ctid"},
	} {
		root := p.explain(t, reason, c.sql)
		faults := slices.Concat(p.faults(&root), insertFaults(c.sql), foreignFaults(reason, c.sql))
		if c.want == "" && len(faults) > 0 || c.want != "" && !strings.Contains(strings.Join(faults, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", reason, faults, c.want)
		}
	}
}

// sqlText recognises a string literal that is SQL about data.
var sqlText = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|TRUNCATE)\s`)

// TestEachStatementIsListed: SQL stands in calls of these functions alone, so that the checks
// above see all of it.
func TestEachStatementIsListed(t *testing.T) {
	files := token.NewFileSet()
	own, err := filepath.Glob("*.go")
	inTables, other := filepath.Glob("tables/*.go")
	if err := errors.Join(err, other); err != nil || len(inTables) == 0 {
		t.Fatal(err, "or there is no package tables")
	}
	names := slices.Concat(own, inTables)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || outside[name] != "" {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range unlisted(file) {
			t.Errorf("%s: SQL outside of Statement, Writing and ForTables", files.Position(at))
		}
	}
}

// unlisted returns the places of SQL that is no argument of the functions that list it.
// Constants may hold it for them, if their names end with SQL.
func unlisted(file *ast.File) (out []token.Pos) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name := ""
			switch f := n.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			return name != "Statement" && name != "Writing" && name != "ForTables"
		case *ast.ValueSpec:
			return !strings.HasSuffix(n.Names[0].Name, "SQL")
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && sqlText.MatchString(text) {
				out = append(out, n.Pos())
			}
		}
		return true
	})
	return out
}
