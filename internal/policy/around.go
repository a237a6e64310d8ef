package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/amendhq/amend"
)

// An Around is what the env repo holds around the workload of a request, at the
// commit that is decided on.
type Around struct {
	// Projects are those of the Applications that deploy the workload.
	Projects []Project
	Fleet    Fleet
	// Reach has the request's workload, by its text, and every other that
	// Records name within the widest blast radius. What it lacks reaches as far
	// as an object of its own that no Application deploys.
	Reach map[string]Reach
}

// A Fleet counts what a blast radius is a share of. Zero is unknown: then one
// change at a time is all that there may be.
type Fleet struct {
	Applications int // that the env repo declares or generates
	InNamespace  int // of them, those that deploy into the namespace of the workload
	Workloads    int // of that namespace
	Replicas     int // of those workloads
}

// A Reach says how far a change of a workload goes.
type Reach struct {
	Applications []string // that deploy it
	Replicas     int
}

// Confine holds a request that Decide would act on against what lies around its
// workload: the sync windows of Argo CD and the blast radius. It returns
// amend.ReasonAct when nothing stands against the change.
func Confine(in Input, around Around) (amend.Reason, string) {
	if in.Request.Mode == amend.Suggest {
		return amend.ReasonAct, "" // what is not written is neither frozen nor counted
	}
	if in.Policy.SyncWindows != ignoreWindows {
		for _, p := range around.Projects {
			if why := p.denies(in.Now); why != "" {
				return amend.ReasonFrozen, why
			}
		}
	}
	for _, r := range in.Policy.BlastRadius {
		if why := r.exceeded(in, around); why != "" {
			return amend.ReasonBlastRadius, why
		}
	}
	return amend.ReasonAct, ""
}

// What a blast radius is a share of.
const (
	ofApplications = "applications"
	ofWorkloads    = "workloads"
	ofReplicas     = "replicas"
)

var (
	shares       = []string{ofApplications, ofWorkloads, ofReplicas}
	radiusScopes = []string{perRepo, perNamespace}
)

// A Radius bounds which share of what is there amend changes in any window of
// time. One change is always allowed, however few there are.
type Radius struct {
	Of     string   `json:"of" jsonschema:"enum=applications,enum=workloads,enum=replicas" jsonschema_description:"What the share is of: the Applications of the env repo, or the workloads or their replicas in the namespace."`
	Share  Share    `json:"share" jsonschema_description:"How much of it may be changed in the window, such as 20%."`
	Within Duration `json:"within" jsonschema_description:"The window: any time of this length."`
	Per    string   `json:"per,omitempty" jsonschema:"enum=repo,enum=namespace" jsonschema_description:"Whether the Applications of the whole repo or only those of the workload's namespace are meant; repo when left out. Workloads and replicas are always those of the namespace."`
}

// namespaced reports whether only the namespace of the workload is looked at.
func (r Radius) namespaced() bool { return r.Of != ofApplications || r.Per == perNamespace }

// of returns how many there are.
func (r Radius) of(f Fleet) int {
	switch {
	case r.Of == ofReplicas:
		return f.Replicas
	case r.Of == ofWorkloads:
		return f.Workloads
	case r.namespaced():
		return f.InNamespace
	}
	return f.Applications
}

// touches returns what a change of the target counts for, by its key.
func (r Radius) touches(target string, around Around) map[string]int {
	reach := around.Reach[target]
	switch {
	case r.Of == ofApplications && len(reach.Applications) > 0:
		units := map[string]int{}
		for _, name := range reach.Applications {
			units["application "+name] = 1
		}
		return units
	case r.Of == ofReplicas:
		return map[string]int{target: max(1, reach.Replicas)}
	}
	return map[string]int{target: 1}
}

// exceeded says why the request would make the window's changes more than the
// share, or nothing.
func (r Radius) exceeded(in Input, around Around) string {
	own := r.touches(in.Request.Workload.ObjectRef.String(), around)
	latest, weight := r.touched(in, around)
	reached, news := 0, false
	for unit, n := range own {
		if weight[unit] == 0 {
			reached, news = reached+n, true
		}
	}
	total := r.of(around.Fleet)
	most := total * int(r.Share) / 100
	for _, n := range weight {
		reached += n
	}
	if !news || len(latest) == 0 || reached <= most {
		return ""
	}
	var until time.Time
	byAge := func(a, b string) int { return cmp.Or(latest[a].Compare(latest[b]), cmp.Compare(a, b)) }
	for _, unit := range slices.SortedFunc(maps.Keys(latest), byAge) {
		if _, ours := own[unit]; ours {
			continue
		}
		reached, until = reached-weight[unit], latest[unit].Add(time.Duration(r.Within))
		if reached <= most {
			break
		}
	}
	return fmt.Sprintf("%s of %d %s may be changed within %s, and at least one; those changed lately and this one are more, so amend acts again from %s if the alert still fires then.",
		r.Share, total, r.what(), r.Within, clock(until))
}

// touched returns what was changed within the window: when last, and for how
// much each counts.
func (r Radius) touched(in Input, around Around) (latest map[string]time.Time, weight map[string]int) {
	latest, weight = map[string]time.Time{}, map[string]int{}
	from := in.Now.Add(-time.Duration(r.Within))
	for _, c := range in.Records {
		target, err := amend.ParseObjectRef(c.Target)
		if !c.At.After(from) || err == nil && r.namespaced() && target.Namespace != in.Request.Workload.Namespace {
			continue
		}
		for unit, n := range r.touches(cmp.Or(c.Target, c.Incident), around) {
			weight[unit] = n
			if c.At.After(latest[unit]) {
				latest[unit] = c.At
			}
		}
	}
	return latest, weight
}

// what names, for people, what the share is of.
func (r Radius) what() string {
	where := "the env repo"
	if r.namespaced() {
		where = "the namespace"
	}
	return r.Of + " of " + where
}

// Touched reports whether a change lies within the widest blast radius, so that
// Confine needs the Reach of its workload.
func (in Input) Touched(c amend.Record) bool {
	return slices.ContainsFunc(in.Policy.BlastRadius, func(r Radius) bool { return c.At.After(in.Now.Add(-time.Duration(r.Within))) })
}
