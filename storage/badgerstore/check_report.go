package badgerstore

import "github.com/corpastro/astrohook/storage/badgerstore/layout"

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
