package locate

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// What kustomize needs grows with the square of the objects of a build, with
// the square of the labels and annotations that it sets on each of them and of
// the operations of JSON patches, and with the patches times the objects that
// each may apply to. The bounds end a build that would take long before it
// starts; they are above what people write by hand. Costs are in microseconds of
// a slow core, as they were measured.
const (
	maxCost = 3_000_000 // of one build
	// stepsPerCost makes the costs of builds spend the budget of a query, which
	// is counted in the steps of charts.
	stepsPerCost = 3

	maxWeight = 180_000  // values in all files of a build
	maxMade   = 32 << 20 // bytes that patches, labels and generators put into objects

	maxDoubling = 6 // steps that may each double an object or a text
)

// work is what one build has been given so far, over all its layers.
type work struct {
	objects  int
	weight   int // values in the files
	common   int // labels and annotations for all objects
	patches  int
	targeted int // patches for all objects that match
	rules    int // further things that are looked for in each object
	pairs    int // keys and values of generators
	ops      int // operations of JSON patches
	doubling int // of these, what may double an object or a text
	spread   int // bytes that each object may get
	made     int // bytes that objects get
	renames  bool
	spent    int // cost that was paid for
}

// operation matches the key that each operation of a JSON patch has.
var operation = regexp.MustCompile(`[\s{,"']op["']?\s*:`)

// addWork counts a file that kustomize reads; k is nil unless it is a
// kustomization. Which documents are patches is not told apart.
func (r *recorder) addWork(name string, data []byte, k *types.Kustomization) error {
	w := &r.work
	w.weight += manifest.Weight(data)
	if bytes.Contains(data, []byte("op")) {
		w.ops += len(operation.FindAllIndex(data, -1))
	}
	if k == nil {
		w.objects += len(splitDocuments(data))
		w.pairs += wide(data)
	} else {
		w.addRules(k)
		r.addGenerators(path.Dir(name), k)
		r.addPatches(path.Dir(name), k)
		replacements := r.replacements(path.Dir(name), k)
		w.rules += len(replacements)
		w.doubling += chained(replacements)
	}
	if err := w.bounded(name); err != nil {
		return err
	}
	more := w.cost() - w.spent
	w.spent += more
	if !r.view.budget.Spend(more * stepsPerCost) {
		return amend.Refusef(amend.ReasonUnproven, "up to %s the builds for one question take too long to render", name)
	}
	return nil
}

// wide returns how many keys a map of the file may have, if they are many:
// Kustomize looks through them for each.
func wide(data []byte) int {
	const narrow = 2000
	if manifest.Weight(data) > narrow {
		if n := widest(data); n > narrow {
			return n
		}
	}
	return 0
}

func (w *work) addRules(k *types.Kustomization) {
	//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
	lists := []map[string]string{k.CommonLabels, k.CommonAnnotations}
	for _, l := range k.Labels {
		lists = append(lists, l.Pairs)
	}
	for _, pairs := range lists {
		w.common += len(pairs)
		for key, value := range pairs {
			w.spread += len(key) + len(value)
		}
	}
	//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
	w.rules += len(k.Images) + len(k.ImageTags) + len(k.Replicas) + len(k.Vars) + len(k.Labels) + len(k.Transformers)
	w.renames = w.renames || k.NamePrefix+k.NameSuffix+k.Namespace != ""
	w.spread += len(k.NamePrefix) + len(k.NameSuffix)
	for _, i := range k.Images {
		w.spread += len(i.NewName) + len(i.NewTag) + len(i.Digest)
	}
}

// copies counts the operations of a JSON patch that copy a part of the object,
// which may be all that was copied before.
func copies(patch []byte) int {
	var operations []struct{ Op string }
	if yaml.Unmarshal(patch, &operations) != nil {
		return 0 // another kind of patch
	}
	n := 0
	for _, o := range operations {
		if o.Op == "copy" {
			n++
		}
	}
	return n
}

// chained counts the replacements that take a text from where another puts a
// text into it: a chain of them doubles the text each time.
func chained(list []types.Replacement) int {
	grows := map[string]bool{}
	for _, r := range list {
		for _, t := range r.Targets {
			if t != nil && t.Options != nil && t.Options.Delimiter != "" {
				for _, p := range t.FieldPaths {
					grows[plainPath(p)] = true
				}
			}
		}
	}
	n := 0
	for _, r := range list {
		if r.Source != nil && grows[plainPath(r.Source.FieldPath)] {
			n++
		}
	}
	return n
}

// plainPath leaves out of a field path what can be written or left out.
func plainPath(p string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]"'\\`, r) {
			return -1
		}
		return r
	}, p)
}

// replacements returns those in the kustomization and in the files it names.
func (r *recorder) replacements(dir string, k *types.Kustomization) []types.Replacement {
	var list []types.Replacement
	for _, field := range k.Replacements {
		list = append(list, field.Replacement)
		data, err := r.view.read(path.Join(dir, field.Path))
		if field.Path == "" || err != nil {
			continue
		}
		var one types.Replacement
		var more []types.Replacement
		if yaml.Unmarshal(data, &more) != nil && yaml.Unmarshal(data, &one) == nil {
			more = append(more, one)
		}
		list = append(list, more...)
	}
	return list
}

// addGenerators counts what the generators make. Kustomize reads a file for
// each generator that names it.
func (r *recorder) addGenerators(dir string, k *types.Kustomization) {
	sources := make([]types.KvPairSources, 0, len(k.ConfigMapGenerator)+len(k.SecretGenerator))
	for _, g := range k.ConfigMapGenerator {
		sources = append(sources, g.KvPairSources)
	}
	for _, g := range k.SecretGenerator {
		sources = append(sources, g.KvPairSources)
	}
	r.work.objects += len(sources)
	for _, s := range sources {
		r.work.pairs += len(s.LiteralSources)
		for _, name := range generatorFiles(s) {
			data, err := r.view.read(path.Join(dir, name))
			if err != nil {
				continue // the build refuses it
			}
			r.work.made += len(data)
			if slices.Contains(s.EnvSources, name) || s.EnvSource == name {
				r.work.pairs += bytes.Count(data, []byte("\n"))
			}
		}
	}
}

func (r *recorder) addPatches(dir string, k *types.Kustomization) {
	//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		text := []byte(p.Patch)
		if data, err := r.view.read(path.Join(dir, p.Path)); p.Path != "" && err == nil {
			text = data
		}
		r.work.patches++
		r.work.doubling += copies(text)
		if p.Target != nil && !named(p.Target) {
			r.work.targeted++
			r.work.spread += len(text)
		}
	}
	//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
	r.work.patches += len(k.PatchesStrategicMerge)
}

// plainName matches a name that is no pattern for several.
var plainName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// named reports whether a target is one object by its name and kind.
func named(s *types.Selector) bool {
	return s.Kind != "" && plainName.MatchString(s.Name)
}

// cost returns what the build takes, in microseconds.
func (w *work) cost() int {
	square := w.objects * w.objects
	if w.renames {
		square *= 5
	}
	return square + w.objects*w.common*w.common/3 + w.objects*w.targeted*500 + w.objects*w.rules*50 +
		w.patches*w.patches*w.patches/30 + w.pairs*w.pairs/100 + w.ops*50 + w.ops*w.ops/7 + w.weight*10
}

// bounded refuses what is too much in itself.
func (w *work) bounded(name string) error {
	switch {
	case w.doubling > maxDoubling:
		return amend.Refusef(amend.ReasonUnproven, "up to %s the build copies parts of an object, or texts into each other, more than %d times", name, maxDoubling)
	case w.weight > maxWeight:
		return amend.Refusef(amend.ReasonUnproven, "up to %s the build reads more than %d values", name, maxWeight)
	case w.made+w.spread*w.objects > maxMade:
		return amend.Refusef(amend.ReasonUnproven, "up to %s the build puts more than %d bytes into its objects", name, maxMade)
	case w.cost() > maxCost:
		return amend.Refusef(amend.ReasonUnproven, "up to %s the build has %d objects with %d values, %d labels and annotations for each, %d patches and %d other rules, which takes too long to render",
			name, w.objects, w.weight, w.common, w.patches, w.rules)
	}
	return nil
}

// widest estimates how many keys the widest map of a file has, without parsing
// it: by the lines with one indent, and by the commas between brackets.
func widest(data []byte) int {
	most, deep := 0, 0
	var lines []struct{ indent, keys int }
	var flow [64]int // commas at each depth of brackets
	for line := range bytes.Lines(data) {
		indent := len(line) - len(bytes.TrimLeft(line, " "))
		for len(lines) > 0 && lines[len(lines)-1].indent > indent {
			lines = lines[:len(lines)-1]
		}
		if len(lines) == 0 || lines[len(lines)-1].indent < indent {
			lines = append(lines, struct{ indent, keys int }{indent: indent})
		}
		if last := &lines[len(lines)-1]; bytes.IndexByte(line, ':') >= 0 {
			last.keys++
			most = max(most, last.keys)
		}
		for _, b := range line {
			switch at := min(deep, len(flow)-1); b {
			case '{', '[':
				deep++
				flow[min(deep, len(flow)-1)] = 0
			case '}', ']':
				deep = max(0, deep-1)
			case ',':
				flow[at]++
				most = max(most, flow[at])
			}
		}
	}
	return most
}
