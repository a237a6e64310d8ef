package locate

import (
	"bytes"
	"hash/fnv"
	"path"
	"slices"

	"github.com/amendhq/amend/internal/manifest"
)

// maxFile bounds the size of a file that is looked into. Argo CD's own default
// limit for all manifests of a directory source is 10 MB.
const maxFile = 10 << 20

// facts is what the index remembers of one file. It depends on the content
// alone, never on the path, so files with equal content share one.
//
// There is one for each file of the repo for as long as amend runs.
type facts struct {
	// hash is that of the content, or stands for it when the file was not read.
	hash contentHash
	// texts holds the hashes of all texts that could be an object's name, and from
	// kindsAt on of those that could be its kind.
	kindsAt int32
	texts   []uint32
	argo    *argoFacts // nil if no Application or the like can be written here
	unread  bool
	// opaque says that the file may name any object: a name is written in a
	// form that the scan does not decode, or renaming is at work.
	opaque bool
	huge   bool
	helm   bool // looks like a Helm template
}

// An argoFacts is what a file says to Argo CD itself.
type argoFacts struct {
	deploys  bool // an Application or ApplicationSet may be written here
	apps     []application
	sets     []*appSet
	projects []project
}

// content returns the hash of the content, zero when the file was not read.
func (f *facts) content() contentHash {
	if f.unread {
		return none
	}
	return f.hash
}

// scanned reports whether a file with this name may hold manifests or patches.
func scanned(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json", "":
		return true
	}
	return false
}

// scan collects the facts of a file's content. It errs on the side of naming
// too much: the parser, not the scan, decides what a file declares.
func scan(hash contentHash, name string, data []byte) *facts {
	f := &facts{hash: hash}
	if len(data) > maxFile {
		f.huge = true
		return f
	}
	if !scanned(name) {
		return f
	}
	if manifest.Weight(data) > manifest.MaxWeight {
		f.huge = true
		return f
	}
	f.helm = bytes.Contains(data, []byte("{{"))
	f.opaque = bytes.Contains(data, []byte("/metadata/name\n")) || bytes.Contains(data, []byte(`/metadata/name"`))
	names := sorted(slices.Concat(f.scanKey(data, "name"), f.scanKey(data, "value")))
	f.kindsAt = int32(len(names))
	f.texts = slices.Concat(names, sorted(f.scanKey(data, "kind"))) // of just that length
	f.argo = scanArgo(data)
	return f
}

func sorted(hashes []uint32) []uint32 {
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

func (f *facts) names() []uint32 { return f.texts[:f.kindsAt] }
func (f *facts) kinds() []uint32 { return f.texts[f.kindsAt:] }

// scanArgo returns nil for a file that cannot say anything to Argo CD.
func scanArgo(data []byte) *argoFacts {
	applications := bytes.Contains(data, []byte("argoproj.io")) && bytes.Contains(data, []byte("Application"))
	projects := bytes.Contains(data, []byte("syncWindows")) && bytes.Contains(data, []byte("AppProject"))
	if !applications && !projects {
		return nil
	}
	f := &argoFacts{deploys: applications}
	if applications {
		sets := bytes.Count(data, []byte("ApplicationSet"))
		if bytes.Count(data, []byte("Application")) > sets {
			f.apps = parseApplications(data)
		}
		if sets > 0 {
			f.sets = parseAppSets(data)
		}
	}
	if projects {
		f.projects = parseProjects(data)
	}
	return f
}

// scanKey returns the hashes of the scalars after every occurrence of key and
// a colon.
func (f *facts) scanKey(data []byte, key string) []uint32 {
	var found []uint32
	for {
		i := bytes.Index(data, []byte(key))
		if i < 0 {
			return found
		}
		data = data[i+len(key):]
		rest := bytes.TrimLeft(data, "\"'")
		rest = bytes.TrimLeft(rest, " \t\r\n")
		if len(rest) == 0 || rest[0] != ':' {
			continue
		}
		if token, ok := scalarAt(rest[1:]); !ok {
			f.opaque = true
		} else if token != "" {
			found = append(found, nameHash(token))
		}
	}
}

// A name has at most 253 characters, each of which an escape may make ten.
const (
	maxName   = 253
	maxScalar = 4 << 10
)

// scalarAt reads the start of a scalar. It reports false for a form that only
// a parser can decode, or that goes on where no name would: a large file may
// hold a key on every few bytes, and looking far from each takes hours.
func scalarAt(b []byte) (string, bool) {
	b = bytes.TrimLeft(b, " \t\r\n")
	cut := len(b) > maxScalar
	if cut {
		b = b[:maxScalar]
	}
	for len(b) > 0 && (b[0] == '&' || b[0] == '!') {
		_, after, _ := bytes.Cut(b, []byte(" "))
		b = bytes.TrimLeft(after, " \t\r\n")
	}
	if len(b) == 0 {
		return "", !cut
	}
	switch b[0] {
	case '*', '#':
		return "", false
	case '|', '>':
		_, after, _ := bytes.Cut(b, []byte("\n"))
		after = bytes.TrimLeft(after, " ")
		return plainToken(after), len(after) > 0 || !cut
	case '"', '\'':
		token, _, closed := bytes.Cut(b[1:], b[:1])
		if !closed && !cut {
			return "", true
		}
		return string(token), b[0] == '\'' || !bytes.ContainsRune(token, '\\')
	}
	return plainToken(b), true
}

// plainToken returns the first word of b, or a part of it that is too long
// for a name.
func plainToken(b []byte) string {
	b = b[:min(len(b), maxName+1)]
	if i := bytes.IndexAny(b, " \t\r\n,}]"); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// A wanted object is what the index is searched for.
type wanted struct {
	names []uint32 // hashes of the names it may be declared with
	kind  uint32   // 0 for any
	// generated says that a kustomization may declare it without its kind.
	generated bool
}

// mayDeclare reports whether the file may declare the object.
func (f *facts) mayDeclare(w wanted) bool {
	if f.opaque {
		return true
	}
	if _, ok := slices.BinarySearch(f.kinds(), w.kind); w.kind != 0 && !w.generated && !ok {
		return false
	}
	return f.holds(w.names)
}

// holds reports whether one of the names is written in the file.
func (f *facts) holds(names []uint32) bool {
	return slices.ContainsFunc(names, func(n uint32) bool {
		_, ok := slices.BinarySearch(f.names(), n)
		return ok
	})
}

// nameHash is short: two names that share one cost a look into a file.
func nameHash(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s)) // never fails
	return h.Sum32()
}
