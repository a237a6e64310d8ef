package policy

import (
	"fmt"
	"slices"

	"github.com/amendhq/amend"
)

// A Storm is the rate from which on changes are not made one by one any more: those
// beyond it are proposed together in one pull request, which a person merges.
// Nothing of it lands by itself, so no budget holds it up.
type Storm struct {
	Changes int      `json:"changes" jsonschema:"minimum=1" jsonschema_description:"How many separate changes, commits or pull requests, there may be in the window."`
	Within  Duration `json:"within" jsonschema_description:"The window: any time of this length."`
}

// MaxGathered bounds the changes that wait in summary pull requests: nobody reads more.
const MaxGathered = 50

// storming reports whether the rate of separate changes is reached. What is only
// shown makes no storm.
func (in Input) storming() bool {
	storm := in.Policy.Storm
	if storm.Changes == 0 || in.Request.Mode == amend.Suggest {
		return false
	}
	in.Records = separate(in.Records)
	_, reached := Budget{Per: perRepo, Changes: storm.Changes, Within: storm.Within}.spent(in)
	return reached
}

// gather says whether the change may join those that are proposed together.
func (in Input) gather() (amend.Reason, string) {
	gathered := map[string]bool{}
	for _, r := range in.Records {
		if r.Storm && r.Open {
			gathered[fmt.Sprintf("%s %d", r.Incident, r.Episode)] = true
		}
	}
	if len(gathered) >= MaxGathered {
		return amend.ReasonBudget, fmt.Sprintf("%d changes wait in the summary pull requests of this storm, and there may not be more; merge or close one of them.", len(gathered))
	}
	return amend.ReasonAct, ""
}

// separate leaves out what was only proposed together with other changes.
func separate(records []amend.Record) []amend.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r amend.Record) bool { return r.Storm })
}

// String says what the rate is.
func (s Storm) String() string {
	return fmt.Sprintf("%d separate changes within %s", s.Changes, s.Within)
}
