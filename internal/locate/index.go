package locate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
	"github.com/amendhq/amend/internal/tree"
)

// maxDepth bounds how deep folders may nest.
const maxDepth = 64

// A node is the index of one folder. Nodes are immutable and reused as long as
// the folder is the same. Where the tree knows content hashes, a query after a
// change so costs the changed folders and not the repository.
type node struct {
	dir      string
	hash     string // of names and contents, equal for equal folders
	files    map[string]*facts
	children map[string]*node

	kustFile string               // name of the kustomization file, if any
	kust     *types.Kustomization // nil if there is none or it does not parse
	kustErr  error
	refs     []string // what the kustomization names, as written

	// The names of the files and of the children, sorted once.
	fileNames, childNames []string

	// What follows sums up the folder and all below it.
	names    filter
	opaque   bool
	argo     []string // files in which Applications may be written
	inflates []string // kustomizations with charts
	prefixes []string
	suffixes []string
	foreign  []string // files of source types that are not searched
	unparsed []string // kustomizations that do not parse, each with the problem
	huge     []string
	leaving  []reference            // to paths outside the folder
	meeting  map[string][]reference // by target, where this is the innermost common folder

	listed               sync.Once // fills in the paths of all below, in order
	allFolders, allFiles []string
}

// A reference says that the kustomization in from names the path to.
type reference struct{ from, to string }

// filter is a Bloom filter over name hashes: it may say yes wrongly, never no.
type filter [16]uint64

func (f *filter) add(h uint64) {
	f[h>>6&15] |= 1 << (h & 63)
	f[h>>16&15] |= 1 << (h >> 10 & 63)
}

func (f *filter) has(h uint64) bool {
	return f[h>>6&15]&(1<<(h&63)) != 0 && f[h>>16&15]&(1<<(h>>10&63)) != 0
}

// index returns the node of dir, from the cache if the folder is as it was. A
// tree that knows hashes tells; any other folder has to be read for it.
func (l *Locator) index(fsys fs.FS, dir string, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, amend.Refusef(amend.ReasonUnproven, "folders nest deeper than %d", maxDepth)
	}
	hash, known := hashOf(fsys, dir)
	if n, ok := l.nodes.Get(dir + "\x00" + hash); ok && known {
		return n, nil
	}
	n, err := l.readFolder(fsys, dir, depth)
	if err != nil {
		return nil, err
	}
	if !known {
		hash = n.digest()
		if same, ok := l.nodes.Get(dir + "\x00" + hash); ok {
			return same, nil
		}
	}
	n.hash = hash
	if err := l.readKustomization(fsys, n); err != nil {
		return nil, err
	}
	n.sum()
	l.nodes.Put(dir+"\x00"+hash, n)
	return n, nil
}

// digest hashes the folder of a tree that knows no hashes.
func (n *node) digest() string {
	h := sha256.New()
	for _, name := range sortedKeys(n.files) {
		f := n.files[name]
		fmt.Fprintf(h, "file %q %s %s\n", name, f.hash, f.stamp)
	}
	for _, name := range sortedKeys(n.children) {
		fmt.Fprintf(h, "folder %q %s\n", name, n.children[name].hash)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashOf(fsys fs.FS, name string) (string, bool) {
	if h, ok := fsys.(tree.Hasher); ok {
		return h.Hash(name)
	}
	return "", false
}

// readFolder fills in what belongs to the folder itself. Symbolic links and
// other special files are left out, so nothing can be read or edited through
// them.
func (l *Locator) readFolder(fsys fs.FS, dir string, depth int) (*node, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, readError(dir, err)
	}
	n := &node{dir: dir, files: map[string]*facts{}, children: map[string]*node{}}
	files, children := make([]*facts, len(entries)), make([]*node, len(entries))
	err = l.each(len(entries), func(i int) (err error) {
		e, name := entries[i], path.Join(dir, entries[i].Name())
		switch {
		case e.IsDir() && !strings.EqualFold(e.Name(), ".git"):
			children[i], err = l.index(fsys, name, depth+1)
		case e.Type().IsRegular():
			files[i], err = l.fileFacts(fsys, name, e)
		}
		return err
	})
	for i, e := range entries {
		if files[i] != nil {
			n.files[e.Name()] = files[i]
		}
		if children[i] != nil {
			n.children[e.Name()] = children[i]
		}
	}
	return n, err
}

// each does the tasks 0 to n-1, some of them at the same time while there are
// idle readers, and returns the error of the first that failed. A panic of a
// task goes on in the caller, who may have prepared for it.
func (l *Locator) each(n int, task func(int) error) error {
	errs, panics := make([]error, n), make([]any, n)
	var running sync.WaitGroup
	for i := range n {
		select {
		case l.readers <- struct{}{}:
			running.Go(func() {
				defer func() {
					panics[i] = recover()
					<-l.readers
				}()
				errs[i] = task(i)
			})
		default:
			errs[i] = task(i)
		}
	}
	running.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Locator) readKustomization(fsys fs.FS, n *node) error {
	for _, name := range kustomizationNames {
		f := n.files[name]
		if f == nil {
			continue
		}
		data, err := l.content(fsys, path.Join(n.dir, name), f)
		if err != nil {
			return err
		}
		n.kustFile = name
		if n.kust, n.kustErr = parseKustomization(data); n.kustErr != nil {
			n.refs = words(data)
		} else {
			n.refs = append(references(n.kust), chartReferences(n.kust)...)
		}
		return nil
	}
	return nil
}

func (l *Locator) fileFacts(fsys fs.FS, name string, e fs.DirEntry) (*facts, error) {
	hash, known := hashOf(fsys, name)
	if known {
		// How a file is scanned depends on its extension too.
		if f, ok := l.files.Get(path.Ext(name) + hash); ok {
			return f, nil
		}
	}
	info, err := e.Info()
	if err != nil {
		return nil, readError(name, err)
	}
	if info.Size() > maxFile || (!known && !scanned(name) && !isCode(name)) {
		// Without a hash only signs of a change are remembered; a reader hashes it.
		stamp := fmt.Sprint(info.Size(), info.ModTime().UnixNano())
		return &facts{hash: hash, stamp: stamp, huge: info.Size() > maxFile}, nil
	}
	if known && !scanned(name) {
		return &facts{hash: hash}, nil
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, readError(name, err)
	}
	if !known {
		hash = contentHash(data)
		if f, ok := l.files.Get(path.Ext(name) + hash); ok {
			return f, nil
		}
	}
	f := scan(hash, name, data)
	l.files.Put(path.Ext(name)+hash, f)
	l.contents.Put(hash, data)
	return f, nil
}

// content reads a file that was indexed with facts f. A file that changed in
// between is an error, because an answer must be about one state of the tree.
func (l *Locator) content(fsys fs.FS, name string, f *facts) ([]byte, error) {
	if f.huge {
		return nil, amend.Refusef(amend.ReasonUnproven, "%s is larger than %d bytes, or holds more than %d values", name, maxFile, manifest.MaxWeight)
	}
	if data, ok := l.contents.Get(f.hash); ok && f.hash != "" {
		return data, nil
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, readError(name, err)
	}
	if _, known := hashOf(fsys, name); !known && f.hash != "" && contentHash(data) != f.hash {
		return nil, amend.Errorf(amend.Transient, "read env repo", "%s changed while it was read", name)
	}
	if f.hash != "" {
		l.contents.Put(f.hash, data)
	}
	return data, nil
}

func contentHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func readError(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return amend.Errorf(amend.NotFound, "read env repo", "%s: %w", name, err)
	}
	return amend.Errorf(amend.Transient, "read env repo", "%s: %w", name, err)
}

// sum derives the fields that cover the whole subtree.
func (n *node) sum() {
	n.fileNames, n.childNames = sortedKeys(n.files), sortedKeys(n.children)
	var refs []reference
	for _, r := range n.refs {
		if to := path.Join(n.dir, r); fs.ValidPath(to) {
			refs = append(refs, reference{from: n.dir, to: to})
		}
	}
	if n.kustErr != nil {
		n.unparsed = []string{fmt.Sprintf("%s (%s)", path.Join(n.dir, n.kustFile), n.kustErr)}
	}
	if n.kust != nil {
		n.prefixes = []string{n.kust.NamePrefix}
		n.suffixes = []string{n.kust.NameSuffix}
		if len(chartReferences(n.kust)) > 0 {
			n.inflates = []string{path.Join(n.dir, n.kustFile)}
		}
		n.opaque = renames(n.kust)
	}
	for name, f := range n.files {
		n.sumFile(name, f)
	}
	for _, c := range n.children {
		n.sumChild(c)
		refs = append(refs, c.leaving...)
	}
	n.meeting = map[string][]reference{}
	for _, r := range refs {
		if _, inside := below(n.dir, r.to); inside || r.to == n.dir {
			n.meeting[r.to] = append(n.meeting[r.to], r)
		} else {
			n.leaving = append(n.leaving, r)
		}
	}
	slices.Sort(n.argo)
	slices.Sort(n.inflates)
	slices.Sort(n.foreign)
	slices.Sort(n.huge)
	slices.Sort(n.unparsed)
	n.prefixes, n.suffixes = distinct(n.prefixes), distinct(n.suffixes)
}

func (n *node) sumFile(name string, f *facts) {
	full := path.Join(n.dir, name)
	n.opaque = n.opaque || f.opaque
	for _, h := range f.names {
		n.names.add(h)
	}
	if f.argo {
		n.argo = append(n.argo, full)
	}
	switch {
	case f.huge && scanned(name):
		n.huge = append(n.huge, full)
	case strings.HasSuffix(name, "Chart.yaml"), strings.HasSuffix(name, ".jsonnet"):
		n.foreign = append(n.foreign, full)
	}
}

func (n *node) sumChild(c *node) {
	for i, w := range c.names {
		n.names[i] |= w
	}
	n.opaque = n.opaque || c.opaque
	n.argo = append(n.argo, c.argo...)
	n.inflates = append(n.inflates, c.inflates...)
	n.foreign = append(n.foreign, c.foreign...)
	n.huge = append(n.huge, c.huge...)
	n.unparsed = append(n.unparsed, c.unparsed...)
	n.prefixes = append(n.prefixes, c.prefixes...)
	n.suffixes = append(n.suffixes, c.suffixes...)
}

// distinct sorts the texts and drops repeats and the empty one.
func distinct(list []string) []string {
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(s string) bool { return s == "" })
}

// find returns the node of a folder, or nil.
func (n *node) find(dir string) *node {
	if dir == "." {
		return n
	}
	for part := range strings.SplitSeq(dir, "/") {
		if n = n.children[part]; n == nil {
			return nil
		}
	}
	return n
}

// file returns the facts of a file, or nil.
func (n *node) file(name string) *facts {
	dir := n.find(path.Dir(name))
	if dir == nil {
		return nil
	}
	return dir.files[path.Base(name)]
}

// declaring yields the files that may declare the object, in order.
func (n *node) declaring(w wanted, yield func(string)) {
	if !n.opaque && !slices.ContainsFunc(w.names, n.names.has) {
		return
	}
	renaming := n.kust != nil && renames(n.kust)
	for _, base := range n.fileNames {
		if n.files[base].mayDeclare(w) || (renaming && base == n.kustFile) {
			yield(path.Join(n.dir, base))
		}
	}
	for _, base := range n.childNames {
		n.children[base].declaring(w, yield)
	}
}

// referrers returns the folders of the kustomizations that name p.
func (n *node) referrers(p string) []string {
	var from []string
	for at := n; at != nil; {
		for _, r := range at.meeting[p] {
			if !slices.Contains(from, r.from) {
				from = append(from, r.from)
			}
		}
		rel, ok := below(at.dir, p)
		if !ok {
			break
		}
		next, _, _ := strings.Cut(rel, "/")
		at = at.children[next]
	}
	slices.Sort(from)
	return from
}

// inflaters returns the folders of the kustomizations that render the chart
// which the file belongs to.
func (n *node) inflaters(file string) []string {
	var from []string
	for dir := range parents(file) {
		if n.file(path.Join(dir, "Chart.yaml")) != nil {
			from = append(from, n.referrers(dir)...)
		}
	}
	return slices.DeleteFunc(from, func(dir string) bool {
		k := n.find(dir).kust
		return k != nil && len(chartReferences(k)) == 0
	})
}

// transforming returns the folders of the kustomizations at or above the file
// that have transformers. Their configuration may name the file, which only a
// render tells.
func (n *node) transforming(file string) []string {
	var from []string
	for dir := range parents(file) {
		if folder := n.find(dir); folder != nil && folder.kust != nil && len(folder.kust.Transformers) > 0 {
			from = append(from, dir)
		}
	}
	return from
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
