package groupcommit_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/corpastro/astrohook/storage/groupcommit"
)

// line is a job of a backend that appends to a journal.
type line struct {
	groupcommit.Ticket
	text string
}

// A backend says how a group is committed; the committer decides what is in it.
func Example() {
	var journal []string
	c := groupcommit.New(groupcommit.Options[*line]{
		Commit: func(lines []*line) (int, error) {
			for _, l := range lines {
				if l.text == "" {
					l.Fail(errors.New("an empty line"))
					continue
				}
				journal = append(journal, l.text)
			}
			return len(lines), nil // one sync for all of them
		},
		Closed: errors.New("the journal is closed"),
	})
	fmt.Println(c.Do(context.Background(), &line{text: "first"}))
	fmt.Println(c.Do(context.Background(), &line{}))
	c.Close()
	fmt.Println(c.Do(context.Background(), &line{text: "late"}))
	fmt.Println(journal)
	// Output:
	// <nil>
	// an empty line
	// the journal is closed
	// [first]
}
