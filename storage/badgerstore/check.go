package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/disk"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

// Secrets decrypts what is sealed, so that a check can include it. Package sealed
// has the keys for that; this package has none.
type Secrets interface {
	// CheckUses reports whether the keys in use are there and right.
	CheckUses(uses []storage.KeyUse) error
	// CheckOpens reports why an endpoint's sealed values cannot be decrypted.
	CheckOpens(e webhook.Endpoint) error
}

// firstFaults bounds how many faults a check reports one by one.
const firstFaults = 20

// Check reads every record of a snapshot, which takes a few microseconds each. It
// checks that each pending delivery has its event and each retrying one its place in
// the retry schedule, and decrypts every secret unless secrets is nil. The error
// lists the first twenty faults; the report is valid with an error too, as far as
// the check came.
func (s *Store) Check(secrets Secrets) (CheckReport, error) { return s.check(secrets, nil) }

// check is Check with a meter for the bytes of the records.
func (s *Store) check(secrets Secrets, meter *disk.Meter) (CheckReport, error) {
	c, err := view(s, "check", func(tx *badger.Txn) (CheckReport, error) {
		check := checker{tx: tx, secrets: secrets, meter: meter, sealed: map[string]uint64{}, recorded: map[string]uint64{}}
		readErr := check.run()
		return check.found, errors.Join(append(check.faults, readErr)...)
	})
	if err == nil && c.Damaged > 0 {
		err = fmt.Errorf("check: %w: %d records", engine.ErrDamaged, c.Damaged)
	}
	return c, err
}

// checker checks all records in one walk.
type checker struct {
	tx      *badger.Txn
	secrets Secrets
	meter   *disk.Meter
	// sealed counts the endpoints under each key, recorded is what the key records say.
	sealed, recorded map[string]uint64

	found  CheckReport
	faults []error
}

// run checks all records and collects the faults; one bad record does not end it.
func (c *checker) run() error {
	it := c.tx.NewIterator(badger.DefaultIteratorOptions)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		key := it.Item().KeyCopy(nil)
		value, err := it.Item().ValueCopy(nil)
		if err == nil {
			err = c.record(key, value)
		}
		if err != nil {
			c.fault(key, err)
		}
		c.meter.Add(int64(len(key) + len(value)))
	}
	// Only now are all endpoints counted.
	c.keyCounts()
	return nil
}

// keyCounts compares the counts of encryption keys with the endpoints that were found.
func (c *checker) keyCounts() {
	ids := maps.Clone(c.recorded)
	maps.Copy(ids, c.sealed)
	for id := range ids {
		if found, recorded := c.sealed[id], c.recorded[id]; found != recorded {
			c.fault(layout.SecretKeyKey(id), fmt.Errorf("%w: it says %d, not %d", errMiscounted, recorded, found))
		}
	}
}

// fault counts a damaged record, and keeps the first of them for the error.
func (c *checker) fault(key []byte, err error) {
	c.found.Damaged++
	// All are counted, few are named: a directory can be damaged in millions of places.
	if len(c.faults) < firstFaults {
		c.faults = append(c.faults, fmt.Errorf("record %x: %w", key, err))
	}
}

// What a record can lack.
var (
	errNoEvent    = errors.New("its event is missing")
	errNoSchedule = errors.New("it is missing in the retry schedule")
	errNoDelivery = errors.New("its delivery is missing")
	errNoJob      = errors.New("its job is missing")
	errForeignKey = errors.New("the key is of no known kind")
	errMiscounted = errors.New("it miscounts the webhooks that a key encrypts")
)

// recordChecks holds the check of each kind of record. A kind that is missing here is
// another program's.
var recordChecks = map[layout.Space]func(c *checker, key, value []byte) error{
	layout.SpaceEvent:     func(c *checker, k, v []byte) error { return counted(&c.found.Events, c.event(k, v)) },
	layout.SpaceQueued:    func(c *checker, k, v []byte) error { return counted(&c.found.Queued, c.pending(k, v)) },
	layout.SpaceRetrying:  func(c *checker, k, v []byte) error { return counted(&c.found.Retrying, c.pending(k, v)) },
	layout.SpaceDelivered: func(c *checker, k, v []byte) error { return counted(&c.found.Delivered, c.finished(k, v)) },
	layout.SpaceFailed:    func(c *checker, k, v []byte) error { return counted(&c.found.Failed, c.finished(k, v)) },
	layout.SpaceAttempt: func(c *checker, k, v []byte) error {
		return counted(&c.found.Attempts, c.logged(k, readable(v, record.DecodeAttempt)))
	},
	layout.SpaceBody: func(c *checker, k, v []byte) error { return c.logged(k, readable(v, record.DecodeBody)) },
	// A slot without a delivery would be retried for ever without effect.
	layout.SpaceSchedule: func(c *checker, k, _ []byte) error {
		return c.needs(layout.DeliveryKey(layout.SpaceRetrying, layout.ParseScheduleKey(k).ID), errNoDelivery)
	},
	layout.SpacePart:      (*checker).part,
	layout.SpaceRemainder: func(_ *checker, _, v []byte) error { return readable(v, layout.DecodeRemainder) },
	layout.SpaceEndpoint:  func(c *checker, _, v []byte) error { return counted(&c.found.Endpoints, c.endpoint(v)) },
	layout.SpaceSecretKey: (*checker).secretKey,
	layout.SpaceEventType: func(c *checker, _, v []byte) error {
		return counted(&c.found.EventTypes, readable(v, record.DecodeEventType))
	},
	layout.SpaceGrant:  func(_ *checker, _, v []byte) error { return readable(v, record.DecodeGrant) },
	layout.SpaceLogo:   func(*checker, []byte, []byte) error { return nil }, // any bytes are one
	layout.SpaceAPIKey: func(_ *checker, _, v []byte) error { return readable(v, record.DecodeAPIKey) },
	layout.SpaceAudit: func(_ *checker, k, v []byte) error {
		return readable(v, func(v []byte) (audit.Entry, error) { return record.DecodeAudit(layout.ParseEventKey(k), v) })
	},
	layout.SpaceGate:        func(_ *checker, _, v []byte) error { return readable(v, record.DecodeGate) },
	layout.SpaceIdempotency: func(_ *checker, _, v []byte) error { return readable(v, record.DecodeKeyedEvent) },
	layout.SpaceMeta:        (*checker).meta,
	// Its owner bears any bytes: what it cannot read it counts again.
	layout.SpaceFigures: func(*checker, []byte, []byte) error { return nil },
	layout.SpaceJob: func(_ *checker, k, v []byte) error {
		_, err := record.DecodeJob(layout.ParseJobKey(k), v)
		return err
	},
	// A note without its job would keep the endpoint from getting another one.
	layout.SpaceUnfinished: func(c *checker, _, v []byte) error {
		id, err := layout.DecodeID(v)
		if err != nil {
			return err
		}
		return c.needs(layout.JobKey(id), errNoJob)
	},
	// These keys have no record: what they say stands in the key.
	layout.SpaceClient:  func(*checker, []byte, []byte) error { return nil },
	layout.SpaceDeleted: func(*checker, []byte, []byte) error { return nil },
}

// record checks one record, and counts it.
func (c *checker) record(key, value []byte) error {
	kind := layout.Space(key[0])
	// Decoders of keys index by size; a key of another size would panic in them.
	if size, fixed := kind.KeySize(); fixed && len(key) != size {
		return errForeignKey
	}
	check, known := recordChecks[kind]
	if !known {
		return errForeignKey
	}
	return check(c, key, value)
}

// readable returns the error of decoding a record.
func readable[T any](value []byte, decode func(record []byte) (T, error)) error {
	_, err := decode(value)
	return err
}

// meta checks a value of the database as a whole. Open, each commit and the first
// cursor read these; a name that this version does not know is a newer version's.
func (c *checker) meta(key, value []byte) error {
	switch string(key) {
	case string(layout.MetaPending):
		return readable(value, layout.DecodeTally)
	case string(layout.MetaCursorKey):
		if len(value) < cursorKeySize {
			return record.ErrDamaged
		}
		return nil
	case string(layout.MetaVersion), string(layout.MetaUpgrading), string(layout.MetaLastNumber),
		string(layout.MetaLastSeq), string(layout.MetaCommits):
		return readable(value, layout.DecodeNumber)
	}
	return nil
}

// secretKey notes what the record of an encryption key says, for keyCounts.
func (c *checker) secretKey(key, value []byte) error {
	r, err := layout.DecodeKeyCount(value)
	c.recorded[string(key[1:])] = r.Endpoints
	return err
}

// counted counts a record unless it has an error, which it returns.
func counted(n *int64, err error) error {
	if err == nil {
		*n++
	}
	return err
}

// endpoint checks a registration, and decrypts its secrets if there are keys.
func (c *checker) endpoint(value []byte) error {
	e, err := record.DecodeEndpoint(value)
	if err != nil || e.Sealed.KeyID == "" {
		return err
	}
	c.sealed[e.Sealed.KeyID]++
	if c.secrets == nil {
		return nil
	}
	return counted(&c.found.Opened, c.secrets.CheckOpens(e))
}

// event checks an event.
func (c *checker) event(key, value []byte) error {
	_, err := record.DecodeEvent(layout.ParseEventKey(key), value)
	return err
}

// part checks a part of an event's recipients.
func (c *checker) part(key, value []byte) error {
	if _, err := layout.DecodePart(value); err != nil {
		return err
	}
	return c.needs(layout.EventKey(layout.ParseEventKey(key)), errNoEvent)
}

// finished checks a delivery that is not owed any more. Its event may be gone: both
// expire, and not in the same moment.
func (c *checker) finished(key, value []byte) error {
	_, err := record.DecodeDelivery(layout.ParseDeliveryKey(key), value)
	return err
}

// logged checks an attempt or a body, given the error of decoding it. It is removed
// before its event.
func (c *checker) logged(key []byte, err error) error {
	if err != nil {
		return err
	}
	return c.needs(layout.EventKey(layout.ParseLogKey(key)), errNoEvent)
}

// pending checks a delivery that is still owed.
func (c *checker) pending(key, value []byte) error {
	d, err := record.DecodeDelivery(layout.ParseDeliveryKey(key), value)
	if err != nil {
		return err
	}
	// Without its event a delivery would fail at its next attempt.
	if err := c.needs(layout.EventKey(d.ID), errNoEvent); err != nil {
		return err
	}
	if d.Status == webhook.Retrying {
		return c.needs(layout.ScheduleKey(layout.SlotOf(d.NextAttemptAt, d.ID)), errNoSchedule)
	}
	return nil
}

// needs returns missing if a key is not there.
func (c *checker) needs(key []byte, missing error) error {
	there, err := has(c.tx, key)
	if err == nil && !there {
		err = missing
	}
	return err
}

// CheckDir opens a data directory that no process uses, and checks the checksums of all
// files and then every record. A directory that was not closed properly is brought up to
// date first, as by a start; a damaged one stays as it is. If
// secrets is nil, nothing is decrypted. progress, unless nil, follows the work.
func CheckDir(dir string, secrets Secrets, progress disk.Progress) (CheckReport, error) {
	return checkDir(dir, secrets, disk.NewMeter(progress))
}

// checkDir is CheckDir with a meter, which may expect more than this work.
func checkDir(dir string, secrets Secrets, meter *disk.Meter) (c CheckReport, err error) {
	s, err := openExisting(Options{Dir: dir, Retention: 100 * 365 * 24 * time.Hour})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if secrets != nil { // a missing key is one error here, not one for each endpoint
		uses, err := s.KeyUses(context.Background())
		if err == nil {
			err = secrets.CheckUses(uses)
		}
		if err != nil {
			return c, fmt.Errorf("check secret keys: %w", err)
		}
	}
	tables := s.db.TableBytes()
	meter.Expect(2 * tables)
	// Files before records: a record in a damaged block would only be missing.
	if err := s.db.VerifyChecksums(); err != nil {
		return c, fmt.Errorf("check: %w", err)
	}
	meter.Add(tables)
	return s.check(secrets, meter)
}

// CheckReport is what a check found: numbers of records that are whole.
type CheckReport struct {
	Endpoints, EventTypes, Events       int64
	Queued, Retrying, Delivered, Failed int64
	// Attempts are those in logs: all but the last one of each finished delivery.
	Attempts int64
	// Opened are the endpoints whose secrets could be decrypted: none without keys.
	Opened int64
	// Damaged are records that cannot be read, or lack what belongs to them.
	Damaged int64
}

// countKey counts a record by its key, for backups that nobody decodes.
func (c *CheckReport) countKey(key []byte) {
	if len(key) == 0 {
		return
	}
	// Kinds without a field are of no interest to whoever reads the report.
	switch layout.Space(key[0]) {
	case layout.SpaceEndpoint:
		c.Endpoints++
	case layout.SpaceEventType:
		c.EventTypes++
	case layout.SpaceEvent:
		c.Events++
	case layout.SpaceQueued:
		c.Queued++
	case layout.SpaceRetrying:
		c.Retrying++
	case layout.SpaceDelivered:
		c.Delivered++
	case layout.SpaceFailed:
		c.Failed++
	}
}
