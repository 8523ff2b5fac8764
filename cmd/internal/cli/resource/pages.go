package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// maxPage is the longest page of a list that the server answers with.
const maxPage = 250

// bound has the flag that bounds a list.
type bound struct {
	Limit int `env:"-" default:"50" placeholder:"N" help:"Show N at most; 0 for all."`
}

// listing reads a list of the API, page by page, up to a limit.
type listing struct {
	api   *api
	path  string
	query url.Values
	limit int // 0 for no limit

	more bool // the list continues beyond the limit
}

// list returns the listing of a path.
func (b *bound) list(a *api, path string, query url.Values) (*listing, error) {
	if b.Limit < 0 {
		return nil, settings.Misuse("--limit is negative")
	}
	return &listing{api: a, path: path, query: query, limit: b.Limit}, nil
}

// values returns the values of the list. It ends after the first error.
func (l *listing) values(ctx context.Context) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		cursor := ""
		for left := l.limit; ; {
			page, err := l.page(ctx, cursor, left)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, value := range page.Data {
				if !yield(value, nil) {
					return
				}
			}
			left -= len(page.Data)
			if cursor = page.NextCursor; cursor == "" {
				return
			}
			if l.limit > 0 && left <= 0 {
				l.more = true
				return
			}
		}
	}
}

// page is one page of a list. It may be empty although others follow.
type page struct {
	Data       []json.RawMessage `json:"data"`
	NextCursor string            `json:"next_cursor"` // "" at the end
}

// page reads the page behind a cursor, of no more values than are left.
func (l *listing) page(ctx context.Context, cursor string, left int) (p page, err error) {
	query := url.Values{}
	for name, value := range l.query {
		query[name] = value
	}
	size := maxPage
	if l.limit > 0 {
		size = min(left, maxPage)
	}
	query.Set("limit", strconv.Itoa(size))
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	text, err := l.api.get(ctx, l.path, query)
	if err == nil {
		if err = json.Unmarshal(text, &p); err != nil {
			err = fmt.Errorf("the server's answer is not what was expected: %w", err)
		}
	}
	return p, err
}

// paged is a command that prints a list of the API: where to call, and how much to show.
type paged struct {
	caller     `embed:""`
	bound      `embed:""`
	live.Watch `embed:""`
}

// showList prints a list of the API. noun is one of its values, as in "event type".
func showList[T any](
	ctx context.Context, std terminal.Streams, c *paged, path string, query url.Values, noun string, columns []output.Column[T],
) error {
	return c.with(func(a *api) error {
		return c.Show(ctx, std, func(ctx context.Context, p *output.Printer) error {
			l, err := c.list(a, path, query)
			if err != nil {
				return err
			}
			n, err := output.List(p, l.values(ctx), columns)
			if err != nil {
				return fmt.Errorf("list %s: %w", terminal.Plural(noun), err)
			}
			l.note(p, n, noun)
			return nil
		})
	})
}

// single is a command that prints one thing of the API: where to call.
type single struct {
	caller     `embed:""`
	live.Watch `embed:""`
}

// showOne prints what the API has at a path. what names it in errors, as in "the event".
func showOne[T any](
	ctx context.Context, std terminal.Streams, c *single, path string, query url.Values, what string, show func(*output.Printer, T) error,
) error {
	return c.with(func(a *api) error {
		return c.Show(ctx, std, func(ctx context.Context, p *output.Printer) error {
			answer, err := a.get(ctx, path, query)
			if err != nil {
				return fmt.Errorf("show %s: %w", what, err)
			}
			return output.One(p, answer, show)
		})
	})
}

// note says that there are more values than were shown or, below a table, that there are
// none.
func (l *listing) note(p *output.Printer, n int, noun string) {
	switch {
	case l.more:
		p.Note(terminal.Counted(n, noun) + ", and there are more: --limit 0 shows all.")
	case n == 0 && p.Format == output.Table:
		p.Note(sentence(terminal.CountedOrNo(n, noun)) + ".")
	}
}

// sentence returns a text that begins with a capital letter.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
