package verify

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// A finding is what one reading of an Application says about the change.
type finding struct {
	app amend.Application
	// state is Worked, Failed when the Application is degraded by the change (which
	// may pass), or empty while something is missing.
	state amend.VerdictState
	// missing says in words what stands between the change and success.
	missing string
	gone    bool // the Application does not exist any more
}

// progress is equal for findings between which nothing has moved.
func (f finding) progress() string {
	a := f.app
	return fmt.Sprint(a.Sources, a.Sync, a.Health, a.Phase)
}

// judge is the whole rule. It looks at the stages in the order in which Argo CD
// passes them, so that what is missing is named by its first cause. Only
// revisions that contains says are ours count; those of other repositories do not
// matter, and when several sources are the env repo each has to have the commit.
func judge(app amend.Application, object amend.ObjectRef, repo string, contains map[string]bool) finding {
	f := finding{app: app}
	lacks := func(rs []string) (string, bool) {
		i := slices.IndexFunc(rs, func(r string) bool { return !contains[r] })
		if i < 0 {
			return "", len(rs) == 0
		}
		return rs[i], true
	}
	if r, lacking := lacks(compared(app, repo)); lacking {
		f.missing = fmt.Sprintf("Argo CD has not seen the commit yet, it is at revision %.12q", r)
		return f
	}
	if r, lacking := lacks(applied(app, repo)); lacking {
		f.missing = fmt.Sprintf("Argo CD has seen the commit (%s) but has not synced it, its last sync was for revision %.12q; it may be that automated sync is off, or that it ignores the changed field", app.Sync, r)
		return f
	}
	switch {
	case app.Phase != "Succeeded":
		f.missing = fmt.Sprintf("the sync is %s: %.300q", app.Phase, app.Message)
	case app.Sync != "Synced":
		f.missing = fmt.Sprintf("the sync succeeded and the Application is still %s", app.Sync)
	case app.Health == "Healthy":
		f.state = amend.Worked
	default:
		f.missing, f.state = unhealthy(app, object)
	}
	return f
}

// unhealthy names the objects that keep an Application from being healthy. When
// it is degraded, the change has failed, unless Argo CD says that the object of
// the change itself is healthy: then somebody else's trouble is in the way.
func unhealthy(app amend.Application, object amend.ObjectRef) (string, amend.VerdictState) {
	var troubled []string
	state := amend.VerdictState("")
	if app.Health == "Degraded" {
		state = amend.Failed
	}
	for _, o := range app.Objects {
		switch {
		case o.Health == "Healthy" && same(o.ObjectRef, object):
			state = ""
		case o.Health != "" && o.Health != "Healthy" && len(troubled) < 3:
			troubled = append(troubled, fmt.Sprintf("%s is %s (%.200q)", o.ObjectRef, o.Health, o.Message))
		}
	}
	detail := "the commit is applied and the Application is " + app.Health
	if len(troubled) > 0 {
		detail += ": " + strings.Join(troubled, ", ")
	}
	return detail, state
}

// owner returns the one Application that manages the object out of the env
// repo, or a sentence that says why there is no such one.
func owner(apps []amend.Application, object amend.ObjectRef, repo string) (amend.Application, string) {
	var found []amend.Application
	var names, elsewhere []string
	for _, app := range apps {
		if !slices.ContainsFunc(app.Objects, func(o amend.ApplicationObject) bool { return same(o.ObjectRef, object) }) {
			continue
		}
		if len(fromRepo(app, repo)) == 0 {
			elsewhere = append(elsewhere, app.String())
			continue
		}
		found, names = append(found, app), append(names, app.String())
	}
	switch {
	case len(found) == 1:
		return found[0], ""
	case len(found) > 1:
		return amend.Application{}, fmt.Sprintf("more than one Application manages %s, so it cannot be told which has to apply the commit: %s", object, strings.Join(names, ", "))
	case len(elsewhere) > 0:
		return amend.Application{}, fmt.Sprintf("the Application that manages %s does not follow the env repo: %s", object, strings.Join(elsewhere, ", "))
	}
	return amend.Application{}, fmt.Sprintf("no Application of Argo CD manages %s", object)
}

// same compares what Argo CD manages with what is meant, where an empty group
// or namespace means any.
func same(managed, meant amend.ObjectRef) bool {
	return managed.Kind == meant.Kind && managed.Name == meant.Name &&
		(meant.Namespace == "" || managed.Namespace == meant.Namespace) &&
		(meant.Group == "" || managed.Group == meant.Group)
}

func fromRepo(app amend.Application, repo string) []amend.ApplicationSource {
	var sources []amend.ApplicationSource
	for _, s := range app.Sources {
		if address(s.RepoURL) == address(repo) {
			sources = append(sources, s)
		}
	}
	return sources
}

func compared(app amend.Application, repo string) []string {
	var rs []string
	for _, s := range fromRepo(app, repo) {
		rs = append(rs, s.Compared)
	}
	return rs
}

func applied(app amend.Application, repo string) []string {
	var rs []string
	for _, s := range fromRepo(app, repo) {
		rs = append(rs, s.Applied)
	}
	return rs
}

// revisions returns every commit of the env repo that the Application names.
func revisions(app amend.Application, repo string) []string {
	all := slices.Concat(compared(app, repo), applied(app, repo))
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(r string) bool { return r == "" })
}

// address reduces the URL of a repository to host and path, as Argo CD does
// when it compares them: git@host:a/b.git is https://host/a/b.
func address(repo string) string {
	repo = strings.ToLower(strings.TrimSpace(repo))
	if host, path, scp := strings.Cut(repo, ":"); scp && !strings.HasPrefix(path, "//") {
		repo = "ssh://" + host + "/" + strings.TrimPrefix(path, "/")
	}
	u, err := url.Parse(repo)
	if err != nil {
		return repo
	}
	host := u.Host
	if u.Scheme == "ssh" { // its port is not the one of the same host's https
		host = u.Hostname()
	}
	return host + "/" + strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
}
