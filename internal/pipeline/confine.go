package pipeline

import (
	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/policy"
)

// confine asks the policy whether the change fits into what is around it.
func (p *Pipeline) confine(w World, in policy.Input, about locate.Query) (amend.Reason, string, error) {
	if in.Request.Mode == amend.Suggest {
		return amend.ReasonAct, "", nil
	}
	place, err := p.locator.Place(w.Tree, about, len(in.Policy.BlastRadius) > 0)
	if err != nil {
		return "", "", err
	}
	around := policy.Around{Fleet: policy.Fleet(place.Fleet), Reach: map[string]policy.Reach{}}
	for _, project := range place.Projects {
		known := policy.Project{Name: project.Name, Application: project.Application}
		for _, s := range project.Windows {
			known.Windows = append(known.Windows, policy.SyncWindow{Kind: s.Kind, Schedule: s.Schedule, Duration: s.Duration, TimeZone: s.TimeZone})
		}
		around.Projects = append(around.Projects, known)
	}
	around.Reach[in.Request.Workload.ObjectRef.String()] = policy.Reach{Applications: place.Applications, Replicas: place.Replicas}
	for _, r := range in.Records {
		if err := p.reach(w, r, in, around); err != nil {
			return "", "", err
		}
	}
	reason, why := policy.Confine(in, around)
	return reason, why, nil
}

// A reached names a change whose reach is known.
type reached struct {
	incident, target string
	episode          int
}

// maxReaches bounds how many are remembered: in a storm each decision asks about
// all changes before it.
const maxReaches = 1 << 16

// reach adds how far an earlier change went, as far as the env repo told when it
// was first asked about it. What was not declared any more then, or not clearly,
// reached as far as itself.
func (p *Pipeline) reach(w World, r amend.Record, in policy.Input, around policy.Around) error {
	object, err := amend.ParseObjectRef(r.Target)
	if _, known := around.Reach[r.Target]; known || err != nil || !in.Touched(r) {
		return nil
	}
	key := reached{r.Incident, r.Target, r.Episode}
	far, known := p.reaches.Get(key)
	if known {
		around.Reach[r.Target] = far
		return nil
	}
	if action, ok := actions.Lookup(r.Action); ok {
		object.Group = action.Group
	}
	place, err := p.locator.Place(w.Tree, locate.Query{Object: object}, false)
	switch amend.KindOf(err) {
	case "":
		far = policy.Reach{Applications: place.Applications, Replicas: place.Replicas}
	case amend.Refused, amend.Invalid, amend.NotFound:
	default:
		return err
	}
	p.reaches.Put(key, far)
	around.Reach[r.Target] = far
	return nil
}
