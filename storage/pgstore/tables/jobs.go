package tables

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

var (
	insertJob = Statement("job.insert", `INSERT INTO job (endpoint, seq, nonce, finished, record) VALUES ($1, $2, $3, NULL, $4)
		ON CONFLICT DO NOTHING`)
	updateJob      = Statement("job.update", `UPDATE job SET finished = $4, record = $5 WHERE endpoint = $1 AND seq = $2 AND nonce = $3`)
	oneJob         = Statement("job.one", `SELECT record FROM job WHERE endpoint = $1 AND seq = $2 AND nonce = $3`)
	lockJob        = Statement("job.lock", `SELECT record FROM job WHERE endpoint = $1 AND seq = $2 AND nonce = $3 FOR UPDATE`)
	jobOfEndpoint  = Statement("job.ofEndpoint", `SELECT seq, nonce FROM job WHERE endpoint = $1 AND finished IS NULL`)
	unfinishedJobs = Statement("job.unfinished", `SELECT endpoint, seq, nonce, record FROM job WHERE finished IS NULL ORDER BY endpoint`)
	jobsBefore     = Statement("job.list", `SELECT endpoint, seq, nonce, record FROM job
		WHERE seq <= $1 AND (seq, nonce, endpoint) < ($1, $2, $3) ORDER BY seq DESC, nonce DESC, endpoint DESC LIMIT $4`)
)

// ForgetJobs removes jobs that have finished before a time.
var ForgetJobs = Statement("job.forget", `DELETE FROM job WHERE finished < $1`)

// InsertJob adds a job. If its endpoint has an unfinished one already, InsertJob returns
// that one's ID with ErrConflict.
func InsertJob(ctx context.Context, tx pgx.Tx, j *bulk.Job) (unfinished webhook.ID, err error) {
	k := KeyOf(j.ID)
	tag, err := tx.Exec(ctx, insertJob, k.Endpoint, k.Seq, k.Nonce, record.EncodeJob(j))
	if err != nil || tag.RowsAffected() == 1 {
		return webhook.ID{}, err
	}
	other := Key{Endpoint: k.Endpoint}
	err = tx.QueryRow(ctx, jobOfEndpoint, k.Endpoint).Scan(&other.Seq, &other.Nonce)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) { // it may have finished meanwhile
		return webhook.ID{}, err
	}
	return other.ID(), webhook.ErrConflict
}

// JobRow returns the columns of a job: endpoint, seq, nonce, finished and record.
func JobRow(j *bulk.Job) []any {
	k, finished := KeyOf(j.ID), any(nil)
	if j.Status.Finished() {
		finished = j.FinishedAt.UnixMilli()
	}
	return []any{k.Endpoint, k.Seq, k.Nonce, finished, record.EncodeJob(j)}
}

// WriteJob replaces a job.
func WriteJob(ctx context.Context, tx pgx.Tx, j *bulk.Job) error {
	_, err := tx.Exec(ctx, updateJob, JobRow(j)...)
	return err
}

// ReadJob returns a job; ErrNotFound, also once it has expired. With Changing nobody else
// changes it until the end of the transaction.
func (f Finder) ReadJob(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, id webhook.ID, how lookup,
) (bulk.Job, error) {
	text, k, raw := oneJob, KeyOf(id), []byte(nil)
	if how == Changing {
		text = lockJob
	}
	err := q.QueryRow(ctx, text, k.Endpoint, k.Seq, k.Nonce).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return bulk.Job{}, webhook.ErrNotFound
	}
	if err != nil {
		return bulk.Job{}, err
	}
	j, err := record.DecodeJob(id, raw)
	if err == nil && f.over(&j) {
		err = webhook.ErrNotFound
	}
	return j, err
}

// over reports whether a job finished so long ago that nobody sees it any more.
func (f Finder) over(j *bulk.Job) bool {
	return j.Status.Finished() && !f.now().Before(j.FinishedAt.Add(f.retention))
}

// UnfinishedJobs returns all jobs that have not finished.
func UnfinishedJobs(ctx context.Context, tx pgx.Tx) (out []bulk.Job, err error) {
	rows, err := tx.Query(ctx, unfinishedJobs)
	if err != nil {
		return nil, err
	}
	return out, eachJob(rows, func(j bulk.Job) { out = append(out, j) })
}

// eachJob calls visit for each row of endpoint, seq, nonce and record.
func eachJob(rows pgx.Rows, visit func(bulk.Job)) error {
	defer rows.Close()
	var k Key
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&k.Endpoint, &k.Seq, &k.Nonce, &raw); err != nil {
			return err
		}
		j, err := record.DecodeJob(k.ID(), raw)
		if err != nil {
			return err
		}
		visit(j)
	}
	return rows.Err()
}

// ListJobs returns one page of jobs, newest first. It looks at no more than 10 × limit +
// 1,000 of them.
func (f Finder) ListJobs(ctx context.Context, tx pgx.Tx, q bulk.Query) (page bulk.Page, err error) {
	before, left := Key{Seq: maxSeq, Nonce: maxSeq}, 10*q.Limit+1000
	if q.Before != (webhook.ID{}) {
		before = KeyOf(q.Before)
	}
	for left > 0 {
		size := min(left, max(q.Limit+1, maxChunk))
		rows, err := tx.Query(ctx, jobsBefore, before.Seq, before.Nonce, before.Endpoint, size)
		if err != nil {
			return page, err
		}
		var some []bulk.Job
		if err := eachJob(rows, func(j bulk.Job) { some = append(some, j) }); err != nil {
			return page, err
		}
		for i := range some {
			if !q.Wants(&some[i]) || f.over(&some[i]) {
				continue
			}
			if page.Jobs = append(page.Jobs, some[i]); len(page.Jobs) == q.Limit {
				page.Next = some[i].ID
				return page, nil
			}
		}
		if len(some) < size {
			return page, nil
		}
		before, left = KeyOf(some[size-1].ID), left-size
		page.Next = some[size-1].ID
	}
	return page, nil
}

// join replaces the recipients of an event, unless another transaction has changed them
// since they were read.
var join = ForTables("job.join", `UPDATE TABLE SET head = $4 WHERE seq = $1 AND nonce = $2 AND head = $3`, EventTables...)

// MakeMissing adds to m the deliveries of those of some events that an endpoint was never
// sent, and makes the endpoint a recipient of these events. ErrConflict if another
// transaction changes the recipients at the same time.
func (f Finder) MakeMissing(ctx context.Context, tx pgx.Tx, n webhook.EndpointNumber, events []webhook.ID, m *Relocation) (made int, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	ids := make([]webhook.ID, len(events))
	for i, id := range events {
		ids[i] = id.For(n)
	}
	withheld, err := f.LockAll(ctx, tx, []Table{DoneTable}, ids)
	if err != nil {
		return 0, err
	}
	heads, err := ReadHeads(ctx, tx, events)
	if err != nil {
		return 0, err
	}
	oldest, changed := bulk.Oldest(f.now(), f.retention), map[webhook.ID][]byte{}
	for _, id := range ids {
		head, there := heads[id.Event()]
		was, has := withheld[id]
		switch {
		case !there:
		case has && bulk.Withheld(&was):
			now := was.Requeue()
			m.Move(&was, &now)
			made++
		case !has && !id.Time().Before(oldest):
			now, joined, err := withRecipient(id, head)
			if err != nil {
				return 0, err
			}
			if joined {
				changed[id.Event()] = now
				m.Add(id)
				made++
			}
		}
	}
	return made, joinAll(ctx, tx, events, heads, changed)
}

// withRecipient returns the head of an event with one more recipient; false if the event
// has it already.
func withRecipient(id webhook.ID, head []byte) ([]byte, bool, error) {
	e, err := record.DecodeEvent(id, head)
	if err != nil {
		return nil, false, err
	}
	at, there := slices.BinarySearch(e.Endpoints, id.Endpoint)
	if there {
		return nil, false, nil
	}
	return record.EncodeEvent(&e, slices.Insert(e.Endpoints, at, id.Endpoint)), true, nil
}

// joinAll writes the heads of events that have one more recipient, in the order of events.
func joinAll(ctx context.Context, tx pgx.Tx, events []webhook.ID, was, now map[webhook.ID][]byte) error {
	batch, found := &pgx.Batch{}, 0
	for _, id := range events {
		if now[id] == nil {
			continue
		}
		for _, t := range EventTables {
			k := KeyOf(id)
			batch.Queue(join[t], k.Seq, k.Nonce, was[id], now[id]).Exec(countRows(&found))
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if found < len(now) {
		return webhook.ErrConflict
	}
	return nil
}

// MissingEvents returns events that an endpoint was never sent, newest first. A page looks
// at no more than 10 × limit + 1,000 events, of which one counts as several if it has many
// recipients.
func (f Finder) MissingEvents(ctx context.Context, tx pgx.Tx, q bulk.MissingQuery) (page bulk.MissingPage, err error) {
	since, until := storage.SeqsOf(q.Since, q.Until)
	since = max(since, webhook.SeqAt(bulk.Oldest(f.now(), f.retention)))
	from, more := storage.ListStart(0, min(until, maxSeq), q.Before)
	if !more || since >= until {
		return page, nil
	}
	allowance := 10*q.Limit + 1000
	for size := q.Limit + 1; more; size = min(2*size, max(q.Limit+1, maxChunk)) {
		events, err := sizedEvents(ctx, tx, from, since, size)
		if err != nil {
			return page, err
		}
		had, err := f.ofEndpoint(ctx, tx, q.Endpoint, events)
		if err != nil {
			return page, err
		}
		for i := range events {
			e := &events[i]
			page.Looked++
			allowance -= e.looks
			if q.Wants(e.Type, e.ClientID) && !had[e.ID] {
				page.Events = append(page.Events, bulk.MissingEvent{
					ID: e.ID, Type: e.Type, ClientID: e.ClientID, Size: int64(e.size), Record: int64(e.looks) * bytesPerLook / 2,
				})
			}
			if allowance <= 0 || len(page.Events) == q.Limit {
				page.Next = e.ID
				return page, nil
			}
		}
		if more = len(events) == size; more {
			from, more = storage.PreviousID(events[size-1].ID)
		}
	}
	return page, nil
}

// ofEndpoint returns those of some events that an endpoint was sent.
func (f Finder) ofEndpoint(ctx context.Context, tx pgx.Tx, n webhook.EndpointNumber, events []sizedEvent) (map[webhook.ID]bool, error) {
	had, ids := map[webhook.ID]bool{}, []webhook.ID(nil)
	for i := range events {
		if _, there := slices.BinarySearch(events[i].Endpoints, n); there {
			had[events[i].ID] = true
			ids = append(ids, events[i].ID.For(n))
		}
	}
	if len(ids) == 0 {
		return had, nil
	}
	found, err := f.FindAll(ctx, tx, []Table{DoneTable}, ids)
	for id, d := range found {
		had[id.Event()] = !bulk.Withheld(&d)
	}
	return had, err
}
