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

// A full disk refuses new work, keeps outcomes, and lets through what frees room. The
// backend says what it has room for.
func ExampleUrgency() {
	full := true
	c := groupcommit.New(groupcommit.Options[*line]{
		Commit: func(lines []*line) (int, error) { return len(lines), nil },
		Admits: func(u groupcommit.Urgency) bool { return !full || u == groupcommit.Frees },
		Full:   errors.New("the disk is full"),
		Closed: errors.New("the journal is closed"),
	})
	write := func(u groupcommit.Urgency) error {
		return c.Do(context.Background(), &line{Ticket: groupcommit.Ticket{Urgency: u}})
	}
	fmt.Println(write(groupcommit.Publishes))
	fmt.Println(write(groupcommit.Frees))
	full = false
	fmt.Println(write(groupcommit.Publishes))
	c.Close()
	// Output:
	// the disk is full
	// <nil>
	// <nil>
}
