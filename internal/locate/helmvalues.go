package locate

import (
	"io/fs"
	"path"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/helm"
)

// chartValues gathers the values that an Application lays over the defaults of
// a chart.
type chartValues struct {
	rec      *recorder
	root     root
	app      appSource
	settings appHelm
	files    []string // the values files read so far
}

// merged reads, each stronger than the one before: the values files in their
// order, the values in the Application, its parameters, and its file parameters.
func (c *chartValues) merged() (map[string]any, error) {
	values := map[string]any{}
	for _, written := range c.settings.ValueFiles {
		data, name, err := c.file(written, c.settings.IgnoreMissingValueFiles)
		if err != nil {
			return nil, err
		}
		if data == nil {
			continue
		}
		c.files = append(c.files, name)
		if values, err = laidOver(values, name, data); err != nil {
			return nil, err
		}
	}
	inline := c.settings.ValuesObject
	if len(inline) == 0 || string(inline) == "null" {
		inline = []byte(c.settings.Values)
	}
	values, err := laidOver(values, "the values in the Application", inline)
	if err != nil {
		return nil, err
	}
	for _, texts := range []bool{false, true} {
		for _, p := range c.settings.Parameters {
			if p.ForceString != texts {
				continue
			}
			value, err := c.root.expand(p.Value, c.app)
			if err == nil {
				err = helm.Set(values, p.Name, value, p.ForceString)
			}
			if err != nil {
				return nil, amend.Refusef(amend.ReasonUnproven, "the parameter %s of %s: %w", p.Name, c.root, amend.Private(err))
			}
		}
	}
	for _, p := range c.settings.FileParameters {
		data, _, err := c.file(p.Path, false)
		if err != nil {
			return nil, err
		}
		if err := helm.SetFile(values, p.Name, data); err != nil {
			return nil, amend.Refusef(amend.ReasonUnproven, "the file parameter %s of %s: %w", p.Name, c.root, amend.Private(err))
		}
	}
	return values, nil
}

// laidOver merges the values in data over the others.
func laidOver(values map[string]any, name string, data []byte) (map[string]any, error) {
	if err := vetAliases(name, data); err != nil {
		return nil, err
	}
	over, err := helm.ParseValues(data)
	if err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "%s %w: %w", name, errUnparsed, amend.Private(err))
	}
	return helm.MergeValues(values, over), nil
}

// file reads a values file: relative to the chart, from the root of the repo
// after a slash, or from another source of the Application after $ref. The data
// is nil if it is missing and may be.
func (c *chartValues) file(written string, optional bool) ([]byte, string, error) {
	name, err := c.resolve(written)
	if err != nil {
		return nil, "", err
	}
	switch {
	case c.rec.exists(name):
	case strings.ContainsAny(name, "*?[{"):
		return nil, "", amend.Refusef(amend.ReasonUnsupported, "%s reads the values files %s, and only some versions of Argo CD know patterns", c.root, written)
	case optional:
		return nil, "", nil
	default:
		return nil, "", amend.Refusef(amend.ReasonUnproven, "%s reads the values file %s: %w", c.root, written, fs.ErrNotExist)
	}
	data, err := c.rec.read(name)
	if data == nil {
		data = []byte{}
	}
	return data, name, err
}

func (c *chartValues) resolve(written string) (string, error) {
	if strings.Contains(written, "://") {
		return "", amend.Refusef(amend.ReasonRemote, "%s reads the values file %s", c.root, written)
	}
	name := ""
	ref, rest, _ := strings.Cut(written, "/")
	if other, ok := c.refs()[ref]; ok {
		if err := c.sameRepo(ref, other); err != nil {
			return "", err
		}
		name = path.Join(".", rest)
	} else if strings.HasPrefix(ref, "$") && !strings.HasPrefix(strings.Trim(ref, "${}"), "ARGOCD_") {
		return "", amend.Refusef(amend.ReasonUnproven, "%s reads the values file %s, and none of its sources has this ref", c.root, written)
	} else {
		expanded, err := c.root.expand(written, c.app)
		if err != nil {
			return "", err
		}
		name = path.Join(c.root.dir, expanded)
		if strings.HasPrefix(expanded, "/") {
			name = path.Join(".", expanded)
		}
	}
	if !fs.ValidPath(name) {
		return "", amend.Refusef(amend.ReasonUnproven, "%s reads the values file %s, which is outside the repo", c.root, written)
	}
	return name, nil
}

func (c *chartValues) refs() map[string]appSource {
	if len(c.root.apps) == 0 {
		return nil
	}
	return c.root.apps[0].refs
}

// sameRepo refuses values from another repo or revision than the chart's.
func (c *chartValues) sameRepo(ref string, other appSource) error {
	if repoName(other.RepoURL) != repoName(c.app.RepoURL) {
		return amend.Refusef(amend.ReasonRemote, "%s reads values from %s, which is %s and not the repo of the chart", c.root, ref, other.RepoURL)
	}
	if revision(other) != revision(c.app) {
		return amend.Refusef(amend.ReasonUnsupported, "%s reads values from %s at the revision %q, and its chart at %q", c.root, ref, other.TargetRevision, c.app.TargetRevision)
	}
	return nil
}

func revision(s appSource) string {
	if s.TargetRevision == "" {
		return "HEAD"
	}
	return s.TargetRevision
}

// repoName is equal for the URLs by which one repo is cloned over HTTPS and SSH.
func repoName(url string) string {
	name := strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(url, "/"), ".git"))
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	if user, rest, ok := strings.Cut(name, "@"); ok && !strings.Contains(user, "/") {
		name = rest
	}
	return strings.Replace(name, ":", "/", 1)
}
