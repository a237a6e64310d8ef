package runs

// maxWaiting is how many runs GitHub lets wait in a group with queue: max.
const maxWaiting = 100

// A lane orders the runs of one concurrency group: one runs, and one waits, or
// up to maxWaiting of them when the workflow says queue: max.
type lane struct {
	running int64 // 0: none
	waiting []int64
}

// entry is what happens when a run enters a lane.
type entry struct {
	start     bool    // the run starts now
	cancelled []int64 // runs that this one replaces; it may be the run itself
}

// enter adds a run. A waiting run is replaced by a newer one. With
// cancel-in-progress the running one is cancelled too, and the new one starts
// when it has ended. When the long queue is full the newcomer is cancelled:
// GitHub publishes only the bound.
func (l *lane) enter(id int64, c concurrency) entry {
	if l.running == 0 {
		l.running = id
		return entry{start: true}
	}
	if c.Queue == "max" {
		if len(l.waiting) >= maxWaiting {
			return entry{cancelled: []int64{id}}
		}
		l.waiting = append(l.waiting, id)
		return entry{}
	}
	cancelled := l.waiting
	if c.Cancel {
		cancelled = append(cancelled, l.running)
	}
	l.waiting = []int64{id}
	return entry{cancelled: cancelled}
}

// leave removes the running run and returns the one that starts now, or 0.
func (l *lane) leave() int64 {
	l.running = 0
	if len(l.waiting) > 0 {
		l.running, l.waiting = l.waiting[0], l.waiting[1:]
	}
	return l.running
}
