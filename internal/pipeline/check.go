package pipeline

import (
	"io/fs"

	"github.com/amendhq/amend"
)

// Check says how to find out whether a change that landed helped, by the policy of
// the tree as it is now and not as it was then: people may have learned something.
// A tree without a policy, or with a wrong one, wants nothing undone; the error
// says why, as that of Decide does.
func (p *Pipeline) Check(tree fs.FS, r amend.Record) (amend.Check, error) {
	object, err := amend.ParseObjectRef(r.Target)
	if err != nil {
		return amend.Check{}, err
	}
	pol, err := p.load(tree)
	if err != nil {
		return amend.Check{}, err
	}
	return pol.Check(r.Playbook, object)
}
