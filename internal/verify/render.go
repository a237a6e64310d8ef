package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/amendhq/amend"
)

// Renders is how Argo CD's API server is asked.
type Renders interface {
	// Applications lists all that there are, with their sources and objects.
	Applications(ctx context.Context) ([]amend.Application, error)
	// Application reads one, as it is in the cluster at this moment.
	Application(ctx context.Context, namespace, name string) (amend.Application, error)
	// Manifests renders an Application with the sources of the given indexes at
	// other revisions.
	Manifests(ctx context.Context, namespace, name string, revisions map[int]string) ([]string, error)
}

// A Prover has Argo CD itself render changes before they land: with its versions
// of the tools, its options and plugins, and the Applications as they are live.
type Prover struct {
	Argo Renders
	// Repo is the URL of the env repo as in Config, and Branch the one that
	// changes land on.
	Repo, Branch string
	// Compare refuses two renders of an Application, as JSON objects, unless they
	// differ as wanted.
	Compare func(before, after []string, want []amend.FieldChange) error
}

// A Proposal is a commit that has not landed. Argo CD must be able to fetch both
// commits from the env repo.
type Proposal struct {
	Base, Commit string
	// Changes are the fields that the commit is meant to change in what the
	// Applications deploy.
	Changes []amend.FieldChange
}

// Prove renders every Application in which something is to change, before and
// after the commit. It refuses with amend.ReasonUnproven when a render does not
// change as meant, and when there is an Application that cannot be rendered in
// advance. Any other error is amend.Transient: nothing is known then.
//
// A field that is controlled by way of an Application changes when that
// Application is synced and not with the commit. Of such an Application the
// render must stay as it is, and that of its parent must change its manifest.
func (p Prover) Prove(ctx context.Context, c Proposal) error {
	err := p.prove(ctx, c)
	if err != nil && amend.ReasonOf(err) == "" {
		return amend.Errorf(amend.Transient, "have Argo CD render the change", "%w", err)
	}
	return err
}

func (p Prover) prove(ctx context.Context, c Proposal) error {
	apps, err := p.Argo.Applications(ctx)
	if err != nil {
		return err
	}
	moved, err := p.assign(apps, c.Changes)
	if err != nil {
		return err
	}
	for _, m := range moved {
		if err := p.compare(ctx, m, c); err != nil {
			return err
		}
	}
	return nil
}

// A moved is an Application with what is to change in its render.
type moved struct {
	app  amend.Application
	want []amend.FieldChange
}

// assign gives every change to the Application that deploys its object.
func (p Prover) assign(apps []amend.Application, changes []amend.FieldChange) ([]moved, error) {
	if len(changes) == 0 {
		return nil, amend.Refusef(amend.ReasonUnproven, "it is not known which fields the change is to move, so Argo CD cannot be asked about them")
	}
	var list []moved
	for _, c := range changes {
		i := slices.IndexFunc(list, func(m moved) bool { return manages(m.app, c.Object) })
		if i < 0 || c.Object.Namespace != "" {
			app, why := owner(apps, c.Object, p.Repo)
			if why != "" {
				return nil, amend.Refusef(amend.ReasonUnproven, "Argo CD cannot be asked to render the change: %s", why)
			}
			i = slices.IndexFunc(list, func(m moved) bool { return m.app.String() == app.String() })
			if i < 0 {
				i, list = len(list), append(list, moved{app: app})
			}
		}
		list[i].want = append(list[i].want, c)
	}
	for i, m := range list {
		if slices.ContainsFunc(changes, func(c amend.FieldChange) bool { return isApplication(c.Object, m.app) }) {
			list[i].want = nil // it is controlled by way of this Application
		}
	}
	return list, nil
}

func manages(app amend.Application, object amend.ObjectRef) bool {
	return slices.ContainsFunc(app.Objects, func(o amend.ApplicationObject) bool { return same(o.ObjectRef, object) })
}

func isApplication(object amend.ObjectRef, app amend.Application) bool {
	return same(amend.ObjectRef{Group: "argoproj.io", Kind: "Application", Namespace: app.Namespace, Name: app.Name}, object)
}

// compare renders one Application before and after the commit.
func (p Prover) compare(ctx context.Context, m moved, c Proposal) error {
	app, err := p.Argo.Application(ctx, m.app.Namespace, m.app.Name)
	if err != nil {
		return err
	}
	before, after := map[int]string{}, map[int]string{}
	for i, s := range app.Sources {
		if address(s.RepoURL) == address(p.Repo) && p.follows(s.TargetRevision) {
			before[i], after[i] = c.Base, c.Commit
		}
	}
	if len(before) == 0 {
		return amend.Refusef(amend.ReasonUnproven, "no source of the Application %s follows the branch %s of the env repo, so Argo CD cannot be asked to render the change", app, p.Branch)
	}
	was, err := p.Argo.Manifests(ctx, app.Namespace, app.Name, before)
	if err != nil {
		return fmt.Errorf("rendering %s at %s: %w", app, c.Base, err)
	}
	is, err := p.Argo.Manifests(ctx, app.Namespace, app.Name, after)
	if err != nil {
		return fmt.Errorf("rendering %s at %s: %w", app, c.Commit, err)
	}
	err = p.Compare(was, is, m.want)
	if refusal := (*amend.Error)(nil); errors.As(err, &refusal) && refusal.Reason != "" {
		return amend.Refusef(refusal.Reason, "application %s: %w", app, refusal.Err)
	}
	return err
}

// follows reports whether a source is rendered from the branch. HEAD, which is the
// default branch of the repository, is taken for it.
func (p Prover) follows(revision string) bool {
	return revision == "" || revision == "HEAD" || revision == p.Branch || revision == "refs/heads/"+p.Branch
}
