package locate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// kustomizeMu serialises kustomize. Each run resets the process-wide OpenAPI
// schema of kyaml to what its kustomization asks for, so two runs at once
// could render with each other's schema.
var kustomizeMu sync.Mutex

// kustomize renders in process, with Argo CD's defaults: no plugins, files only
// from below each kustomization, and the settings of the Application. Charts are
// rendered as with --enable-helm, because without it the build fails.
type kustomize struct{}

func (kustomize) render(v *view, r root) *render {
	rec := newRecorder(v)
	app, err := r.effective(rec)
	if folder := v.root.find(r.dir); err == nil && folder.kustFile == "" {
		err = amend.Refusef(amend.ReasonUnproven, "%s has no kustomization: %w", r.dir, fs.ErrNotExist)
	}
	if err != nil {
		return &render{reads: rec.reads, order: rec.order, err: err}
	}
	files := diskless{rec: rec, dir: r.dir, app: app.Kustomize, charts: &charts{seed: r.seed, texts: map[string][]byte{}}}
	if app.Kustomize != nil {
		files.charts.app = *app.Kustomize
	}
	objects, err := runKustomize(files)
	if rec.refusal != nil {
		err = rec.refusal
	}
	return &render{objects: objects, reads: rec.reads, order: rec.order, err: err, inflated: files.charts.list, size: rec.work.weight}
}

// runKustomize builds the folder. A panic of the library on odd input must not
// end the process, so it counts as a failed build.
func runKustomize(files diskless) (objects []*object, err error) {
	dir := files.dir
	kustomizeMu.Lock()
	defer kustomizeMu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			objects, err = nil, amend.Refusef(amend.ReasonUnproven, "kustomize build of %s panicked: %w", dir, amend.Private(fmt.Errorf("%v", p)))
		}
	}()
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/"+dir)
	if err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "kustomize build of %s: %w", dir, amend.Private(err))
	}
	for _, res := range m.Resources() {
		data, err := res.MarshalJSON()
		if err != nil {
			return nil, amend.Refusef(amend.ReasonUnproven, "kustomize build of %s: %w", dir, amend.Private(err))
		}
		found, err := decodeObjects(data)
		if err != nil {
			return nil, amend.Refusef(amend.ReasonUnproven, "kustomize build of %s: %w", dir, amend.Private(err))
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

// vet refuses a file before kustomize sees it if it would make kustomize reach
// outside the tree or expand without bound. Every file that kustomize reads
// passes here, so this is what keeps a render off the network. It returns the
// kustomization if the file is one.
func vet(rec *recorder, name string, data []byte) (*types.Kustomization, error) {
	if err := vetAliases(name, data); err != nil {
		return nil, err
	}
	if !slices.Contains(kustomizationNames[:], path.Base(name)) {
		return nil, rec.addWork(name, data, nil)
	}
	k, err := parseKustomization(data)
	if err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "%s %w: %w", name, errUnparsed, amend.Private(err))
	}
	return k, vetKustomization(rec, name, data, k)
}

// written quotes what a kustomization reads: a path, or an address. A part behind
// an equals sign is no path, and a password in an address is none either; both
// may be a secret.
func written(ref string) error {
	err := errors.New(strconv.Quote(ref))
	if password.MatchString(ref) || strings.Contains(ref, "=") && !looksRemote(ref) {
		return amend.Private(err)
	}
	return err
}

var password = regexp.MustCompile(`://[^/]*@`)

func vetKustomization(rec *recorder, name string, data []byte, k *types.Kustomization) error {
	if err := rec.addWork(name, data, k); err != nil {
		return err
	}
	if what := unsupportedPart(k); what != "" {
		return amend.Refusef(amend.ReasonUnsupported, "%s uses %s", name, what)
	}
	for _, ref := range references(k) {
		to := path.Join(path.Dir(name), ref)
		switch {
		case looksRemote(ref):
			return amend.Refusef(amend.ReasonRemote, "%s reads %w from outside the repo", name, written(ref))
		case rec.view.root.file(to) == nil && !rec.isDir(to):
			if host, _, ok := strings.Cut(ref, "/"); ok && strings.Contains(strings.Trim(host, "."), ".") {
				return amend.Refusef(amend.ReasonRemote, "%s reads %w, which is not in the repo", name, written(ref))
			}
			return amend.Refusef(amend.ReasonUnproven, "%s names %w: %w", name, written(ref), fs.ErrNotExist)
		}
	}
	for _, t := range k.Transformers {
		if err := vetPlugin(rec, path.Dir(name), t); err != nil {
			return err
		}
	}
	return nil
}

// unsupportedPart names a part of a kustomization that cannot be proved.
func unsupportedPart(k *types.Kustomization) string {
	switch {
	case len(k.Generators) > 0:
		return "generators"
	case len(k.Validators) > 0:
		return "validators"
	}
	return ""
}

// vetPlugin refuses a transformer's configuration that holds a URL, because
// built-in plugins load their files like a kustomization does.
func vetPlugin(rec *recorder, dir, entry string) error {
	data := []byte(entry)
	if !strings.Contains(entry, "\n") {
		var err error
		if data, err = rec.read(path.Join(dir, entry)); err != nil {
			return amend.Refusef(amend.ReasonUnsupported, "the transformer %s of %s is no file", entry, dir)
		}
	}
	for _, doc := range splitDocuments(data) {
		plain, err := yaml.YAMLToJSON(doc)
		if err != nil {
			return amend.Refusef(amend.ReasonUnproven, "a transformer of %s: %w", dir, amend.Private(err))
		}
		rec.work.doubling += pluginCopies(rec, dir, plain)
		if bytes.Contains(plain, []byte("://")) {
			return amend.Refusef(amend.ReasonRemote, "a transformer of %s names a URL", dir)
		}
	}
	return nil
}

// pluginCopies counts the operations of the plugin's JSON patch that copy.
func pluginCopies(rec *recorder, dir string, plain []byte) int {
	var plugin struct{ Path, Patch, JSONOp string }
	if json.Unmarshal(plain, &plugin) != nil {
		return 0 // none of those with patches
	}
	n := copies([]byte(plugin.Patch)) + copies([]byte(plugin.JSONOp))
	if data, err := rec.view.read(path.Join(dir, plugin.Path)); plugin.Path != "" && err == nil {
		n += copies(data)
	}
	return n
}

// looksRemote is wider than kustomize's own test: what kustomize might fetch,
// it never gets to see.
func looksRemote(ref string) bool {
	return strings.ContainsAny(ref, ":@?") || strings.HasPrefix(strings.ToLower(ref), "github.com") || path.IsAbs(ref)
}

// vetAliases bounds what YAML aliases expand to. Kustomize expands every alias
// into a copy; sigs.k8s.io/yaml refuses excessive aliasing by itself.
func vetAliases(name string, data []byte) error {
	if manifest.Weight(data) > manifest.MaxWeight {
		return amend.Refusef(amend.ReasonUnproven, "%s holds more than %d values", name, manifest.MaxWeight)
	}
	if !bytes.ContainsRune(data, '&') || !bytes.ContainsRune(data, '*') {
		return nil
	}
	for _, doc := range splitDocuments(data) {
		expanded, err := yaml.YAMLToJSON(doc)
		if err != nil && strings.Contains(err.Error(), "alias") {
			return amend.Refusef(amend.ReasonUnproven, "%s: %w", name, amend.Private(err))
		}
		if len(expanded) > maxFile {
			return amend.Refusef(amend.ReasonUnproven, "%s expands to more than %d bytes", name, maxFile)
		}
	}
	return nil
}
