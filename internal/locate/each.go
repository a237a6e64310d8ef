package locate

import (
	"fmt"
	"sync"
)

// each does the tasks 0 to n-1, some of them at the same time while there are
// idle readers, and returns the error of the first that failed. A panic of a
// task goes on in the caller, who may have prepared for it.
//
// An idle reader is handed half of what is left, so that few take over much: most
// tasks are shorter than it takes to wake another thread.
func (l *Locator) each(n int, task func(int) error) error {
	errs, panics := make([]error, n), make([]any, n)
	var running sync.WaitGroup
	var do func(from, to int)
	share := func(from, to int) {
		defer func() {
			if p := recover(); p != nil {
				panics[from] = fmt.Sprintf("%s: %v", PanickedIn(), p)
			}
			<-l.readers
		}()
		do(from, to)
	}
	do = func(from, to int) {
		for ; from < to; from++ {
			if half := from + (to-from+1)/2; half < to {
				select {
				case l.readers <- struct{}{}:
					rest := to
					running.Go(func() { share(half, rest) })
					to = half
				default:
				}
			}
			errs[from] = task(from)
		}
	}
	do(0, n)
	running.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
