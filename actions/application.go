package actions

import (
	"strconv"

	"github.com/amendhq/amend"
)

// argoGroup is the API group of Argo CD.
const argoGroup = "argoproj.io"

// sources returns the paths of the sources of an Application. Argo CD ignores
// spec.source where there are spec.sources.
func sources(view View) []amend.FieldPath {
	var all []amend.FieldPath
	for i := 0; ; i++ {
		source := amend.Field("spec", "sources").Item("index", strconv.Itoa(i))
		if len(view.Names(source)) == 0 {
			break
		}
		all = append(all, source)
	}
	if one := amend.Field("spec", "source"); len(all) == 0 && len(view.Names(one)) > 0 {
		all = append(all, one)
	}
	return all
}

// onlySource returns the one source for which holds is true.
func onlySource(req amend.Request, view View, what string, holds func(amend.FieldPath) bool) (amend.FieldPath, error) {
	var found []amend.FieldPath
	for _, s := range sources(view) {
		if holds(s) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, amend.Refusef(amend.ReasonComputed, "no source of %s %s in the env repo; correct the playbook, or change it by hand", req.Workload.ObjectRef, what)
	case 1:
		return found[0], nil
	}
	return nil, amend.Refusef(amend.ReasonAmbiguous, "each of %d sources of %s %s; change it by hand", len(found), req.Workload.ObjectRef, what)
}
