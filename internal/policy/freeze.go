package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
	// The image holds no zones, and a decision must not depend on the machine.
	_ "time/tzdata"

	"github.com/invopop/jsonschema"
	"github.com/robfig/cron/v3"
)

// A Freeze is a time in which nothing is changed, as a sync window of Argo CD
// that denies: it opens by a cron schedule and stays for a duration.
type Freeze struct {
	Name       string    `json:"name" jsonschema:"pattern=^[a-z0-9]([-a-z0-9]{0\\,37}[a-z0-9])?$" jsonschema_description:"Shown to whoever asks why nothing happened."`
	Schedule   Schedule  `json:"schedule" jsonschema_description:"When it begins, as a cron expression of five fields."`
	Duration   Duration  `json:"duration" jsonschema_description:"How long it lasts."`
	TimeZone   TimeZone  `json:"timeZone,omitempty" jsonschema_description:"The zone of the schedule, as in the IANA database; UTC when left out."`
	Namespaces []Pattern `json:"namespaces,omitempty" jsonschema:"minItems=1" jsonschema_description:"Only for workloads in these namespaces."`
	Playbooks  []string  `json:"playbooks,omitempty" jsonschema:"minItems=1" jsonschema_description:"Only for these playbooks."`
}

// holds returns when the freeze ends, if it keeps the request from being
// carried out now.
func (f Freeze) holds(in Input) (until time.Time, frozen bool) {
	if f.Playbooks != nil && !slices.Contains(f.Playbooks, in.Request.Playbook) ||
		f.Namespaces != nil && !anyMatch(f.Namespaces, in.Request.Workload.Namespace) {
		return time.Time{}, false
	}
	return f.active(in.Now)
}

// active returns the end of the window that is open at a time. A schedule that
// opens the next window before the last has closed makes them one; its end is
// looked for over a bounded number of windows.
func (f Freeze) active(now time.Time) (end time.Time, open bool) {
	length := time.Duration(f.Duration)
	start := f.Schedule.next(now.Add(-length), f.TimeZone)
	if start.IsZero() || start.After(now) {
		return time.Time{}, false
	}
	for range 1000 {
		end = start.Add(length)
		if start = f.Schedule.next(start, f.TimeZone); start.IsZero() || start.After(end) {
			break
		}
	}
	return end, true
}

// A Schedule is a cron expression of five fields: minute, hour, day of the
// month, month, day of the week.
type Schedule struct {
	s    cron.Schedule
	text string
}

// UnmarshalText reads the standard notation. A zone inside it would contradict
// timeZone, and an interval has no beginning.
func (s *Schedule) UnmarshalText(text []byte) error {
	parsed, err := cron.ParseStandard(string(text))
	if err != nil || strings.Contains(string(text), "=") || strings.HasPrefix(string(text), "@every") {
		return fmt.Errorf("%.60q is not a schedule; expected minute, hour, day of the month, month and day of the week, such as \"0 18 * * 5\"", text)
	}
	if parsed.Next(time.Unix(0, 0).UTC()).IsZero() {
		return fmt.Errorf("%.60q is never; expected a day that exists", text)
	}
	s.s, s.text = parsed, string(text)
	return nil
}

// String writes the schedule as it was read.
func (s Schedule) String() string { return s.text }

// JSONSchema describes a schedule as text.
func (Schedule) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", MinLength: &[]uint64{1}[0], Examples: []any{"0 18 * * 5"}}
}

func (s Schedule) next(after time.Time, zone TimeZone) time.Time {
	return s.s.Next(after.In(zone.location()))
}

// A TimeZone is a name of the IANA database, such as Europe/Berlin.
type TimeZone struct{ loc *time.Location }

// UnmarshalText looks the name up.
func (z *TimeZone) UnmarshalText(text []byte) error {
	loc, err := time.LoadLocation(string(text))
	if err != nil || len(text) == 0 || string(text) == "Local" {
		return fmt.Errorf("%.60q is not a time zone; expected a name such as Europe/Berlin or UTC", text)
	}
	z.loc = loc
	return nil
}

// JSONSchema describes a zone as text.
func (TimeZone) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", MinLength: &[]uint64{1}[0], Examples: []any{"Europe/Berlin"}}
}

func (z TimeZone) location() *time.Location {
	if z.loc == nil {
		return time.UTC
	}
	return z.loc
}
