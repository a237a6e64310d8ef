package locate

import (
	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// directory is the source type of plain manifests: what the files say is what
// is deployed, so parsing is rendering. Jsonnet in it is evaluated.
type directory struct{}

// render parses the files of the root that the query picked. Files do not
// influence each other, so the others need not be read.
func (directory) render(v *view, r root) *render {
	rec := newRecorder(v)
	out := &render{}
	source, err := r.effective(rec)
	if err != nil {
		return &render{reads: rec.reads, err: err}
	}
	for _, name := range r.files {
		if isProgram(name) {
			continue
		}
		data, err := rec.read(name)
		if err != nil {
			out.err = err
			break
		}
		if !v.budget.Spend(stepsPerValue * manifest.Weight(data)) {
			out.err = amend.Refusef(amend.ReasonUnproven, "up to %s the manifests for one question are too many", name)
			break
		}
		objects, err := v.loc.parse(rec.reads[name], data)
		if err != nil {
			// Argo CD does not apply it either, so it takes part in nothing.
			out.skipped = amend.Refusef(amend.ReasonUnproven, "%s %w: %w", name, errUnparsed, amend.Private(err))
			continue
		}
		for _, o := range objects {
			out.objects = append(out.objects, &object{ref: o.ref, body: o.body, file: name})
		}
	}
	if out.err == nil {
		var made []*object
		made, out.err = r.evaluate(rec, source)
		out.objects = append(out.objects, made...)
	}
	out.reads, out.order = rec.reads, rec.order
	return out
}

// sites proposes the field's own line, and then its insertion: where a merge
// key or an alias brings the value, a local key overrides it.
func (directory) sites(t *target) []site {
	if isProgram(t.obj.file) {
		return programSites(t)
	}
	var sites []site
	for _, d := range t.documents([]string{t.obj.file}) {
		if d.object != t.obj.ref {
			continue
		}
		if leaf, ok := d.leaf(t.field); ok {
			sites = append(sites, d.setLeaf(leaf, t, "the manifest"))
		}
		sites = append(sites, d.insert(t.field, "a key in the manifest"))
	}
	return sites
}

// parse returns the objects of a file, from the cache if its hash is known.
func (l *Locator) parse(hash contentHash, data []byte) ([]*object, error) {
	if p, ok := l.parsed.Get(hash); ok {
		return p.objects, p.err
	}
	objects, err := objectsBy(l.read, data)
	if err != nil {
		err = amend.Refusef(amend.ReasonUnproven, "parsing: %w", amend.Private(err))
	}
	l.parsed.Put(hash, parsedFile{objects: objects, err: err, size: len(data) + valueBytes*manifest.Weight(data)})
	return objects, err
}

// The bounds of the documents that are remembered: of one, and of all.
const (
	maxReading  = 32 << 10
	maxReadings = 128 << 10
)

// A reading is what a document reads as, or the error of it.
type reading struct {
	value any
	err   error
	size  int
}

// read is manifest.Read, and remembers the last documents: for an edit of a manifest
// its file is read as the source of a render and as what an edit is proved in, both
// before and after it.
func (l *Locator) read(doc []byte) (any, error) {
	if len(doc) > maxReading {
		return manifest.Read(doc)
	}
	r, ok := l.readings.Get(string(doc))
	if !ok {
		r.size = len(doc)
		r.value, r.err = manifest.Read(doc)
		l.readings.Put(string(doc), r)
	}
	return r.value, r.err
}

// What a value costs to parse, and what it takes while it is kept.
const (
	stepsPerValue = 16
	valueBytes    = 100
)

type parsedFile struct {
	objects []*object
	err     error
	size    int
}
