package memstore

import (
	"context"
	"slices"

	"github.com/corpastro/astrohook/webhook/audit"
)

// AppendAudit stores an entry of the audit.
func (s *Store) AppendAudit(ctx context.Context, e audit.Entry) error {
	return s.update(ctx, "record a change", func() error {
		e.Changes = slices.Clone(e.Changes)
		at, there := slices.BinarySearchFunc(s.changes, e, func(a, b audit.Entry) int { return a.ID.Compare(b.ID) })
		if !there {
			s.changes = slices.Insert(s.changes, at, e)
		}
		return nil
	})
}

// ListAudit returns the entries that q selects, newest first.
func (s *Store) ListAudit(_ context.Context, q audit.Query) (audit.Page, error) {
	return view(s, "list changes", func() (page audit.Page, err error) {
		horizon, looked := s.present().Add(-s.retention), 0
		for _, e := range slices.Backward(s.changes) {
			if !q.Starts(e.ID) || e.At.Before(horizon) {
				continue
			}
			if looked++; q.Ended(&e) || !page.Add(&q, e, looked) {
				break
			}
		}
		return page, nil
	})
}
