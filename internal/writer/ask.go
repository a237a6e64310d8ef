package writer

import (
	"context"
	"regexp"

	"github.com/amendhq/amend"
)

// shaForm is a commit id as Git prints it, SHA-1 or SHA-256. Short ones would
// have to be guessed.
var shaForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func checkSHAs(shas ...string) error {
	for _, sha := range shas {
		if !shaForm.MatchString(sha) {
			return amend.Errorf(amend.Invalid, "name commit", "%.80q is not a full commit id", sha)
		}
	}
	return nil
}

// ask lets the goroutine of Run do some work between two rounds, because all
// that the writer remembers belongs to it.
func ask[T any](ctx context.Context, w *Writer, work func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	done := make(chan answer, 1) // a caller that left stalls nothing
	errand := func(ctx context.Context) {
		value, err := work(ctx)
		done <- answer{value, err}
	}
	select {
	case w.errands <- errand:
	case <-ctx.Done():
		return none, errLeft(ctx)
	case <-w.stopped:
		return none, errStopped()
	}
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		return none, errLeft(ctx)
	}
}

func errLeft(ctx context.Context) error {
	return amend.Errorf(amend.Transient, "wait for the writer", "%w", ctx.Err())
}

func errStopped() error {
	return amend.Errorf(amend.Transient, "wait for the writer", "the writer has stopped")
}
