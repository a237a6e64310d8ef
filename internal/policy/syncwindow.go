package policy

import (
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// What a policy may say of the sync windows of Argo CD.
const (
	honourWindows = "honour"
	ignoreWindows = "ignore"
)

// A Project is the AppProject of an Application that deploys a workload, with
// those of its sync windows that are for this Application.
type Project struct {
	Name        string
	Application string
	Windows     []SyncWindow
}

// A SyncWindow is an item of spec.syncWindows of an AppProject, as it is written.
// Argo CD reads it so (v2.14): the schedule is a cron expression of five fields
// on the clock of the zone, UTC when that is unknown; a window is open after it
// begins, until the duration has passed.
type SyncWindow struct {
	Kind     string // allow or deny
	Schedule string
	Duration string
	TimeZone string
}

// The kinds of a sync window.
const (
	windowAllows = "allow"
	windowDenies = "deny"
)

// String names the window for people.
func (w SyncWindow) String() string {
	s := fmt.Sprintf("%s %.60q for %.20s", w.Kind, w.Schedule, w.Duration)
	if w.TimeZone != "" {
		s += fmt.Sprintf(" (%.40s)", w.TimeZone)
	}
	return s
}

// denies says why Argo CD would not sync the Application by itself now, or
// nothing. An open window that denies comes before all that allow; where some
// allow, one has to be open; a window that cannot be read denies. What manualSync
// permits is for people.
func (p Project) denies(now time.Time) string {
	var denying, allowing *SyncWindow
	var until, opens time.Time
	allowed := false
	for i, w := range p.Windows {
		from, end, open, err := w.around(now)
		if err != nil {
			return fmt.Sprintf("Argo CD syncs nothing by itself while it cannot read the sync window %s of the AppProject %s of the application %s: %v.", w, p.Name, p.Application, err)
		}
		switch {
		case w.Kind == windowDenies && open:
			if end.After(until) {
				denying, until = &p.Windows[i], end
			}
		case w.Kind == windowAllows && open:
			allowed = true
		case w.Kind == windowAllows && (allowing == nil || from.Before(opens)):
			allowing, opens = &p.Windows[i], from
		}
	}
	switch {
	case denying != nil:
		return fmt.Sprintf("The sync window %s of the AppProject %s keeps Argo CD from syncing the application %s until %s.", denying, p.Name, p.Application, clock(until))
	case allowing != nil && !allowed:
		return fmt.Sprintf("The AppProject %s lets Argo CD sync the application %s in its sync windows only, and the next one, %s, opens at %s.", p.Name, p.Application, allowing, clock(opens))
	}
	return ""
}

// around returns the window that is open at a time, from its first beginning to
// where it and those that overlap it end, or when the next one begins.
func (w SyncWindow) around(now time.Time) (from, end time.Time, open bool, err error) {
	schedule, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(w.Schedule)
	if err != nil {
		return from, end, false, errors.New("its schedule is none")
	}
	length, err := time.ParseDuration(w.Duration)
	if err != nil {
		return from, end, false, errors.New("its duration is none")
	}
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	_, seconds := now.In(zone).Zone()
	offset := time.Duration(seconds) * time.Second
	wall := now.UTC().Add(offset)
	from = schedule.Next(wall.Add(-length))
	switch next := schedule.Next(wall); {
	case next.IsZero():
		return from, end, false, errors.New("its schedule never comes")
	case !from.Before(wall):
		return next.Add(-offset), end, false, nil
	}
	start := from
	for range 1000 { // the end of so many that overlap is far enough to name
		if start.After(wall) {
			break
		}
		end, start = start.Add(length), schedule.Next(start)
	}
	return from.Add(-offset), end.Add(-offset), true, nil
}
