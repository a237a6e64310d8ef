package git

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/amendhq/amend"
)

// Past these a new mirror is cheaper than what the clutter costs on every read.
// As git does, one of the 256 folders of loose objects stands for all.
const (
	maxLoosePerFolder = 400
	maxPacks          = 100
)

// cluttered reports in words that there is more than the mirror should hold.
func (m *Mirror) cluttered() error {
	objects := filepath.Join(m.repoDir(), "objects")
	if loose, _ := os.ReadDir(filepath.Join(objects, "17")); len(loose) > maxLoosePerFolder {
		return errors.New("it holds too many loose objects")
	}
	packs, err := filepath.Glob(filepath.Join(objects, "pack", "*.pack"))
	if err != nil {
		return err
	}
	if len(packs) > maxPacks {
		return errors.New("it holds too many packs")
	}
	return nil
}

// tidy removes what a dead process left, a state that atomicfile did not put in place
// among it, and reports a mirror that is torn or too cluttered to keep.
func (m *Mirror) tidy() error {
	if _, err := os.Stat(m.tornPath()); err == nil {
		return errors.New("a process died while it wrote objects")
	}
	return errors.Join(m.cluttered(), m.dropParts(), m.drop("objects/tmp_obj_*"), m.drop(".state.json-*"))
}

// dropParts deletes the parts of packs that never came whole.
func (m *Mirror) dropParts() error {
	return m.drop("objects/pack/tmp_pack_*")
}

func (m *Mirror) drop(pattern string) error {
	parts, err := filepath.Glob(filepath.Join(m.repoDir(), filepath.FromSlash(pattern)))
	for _, p := range parts {
		err = errors.Join(err, os.Remove(p))
	}
	return err
}

// Tidy replaces a mirror that has grown cluttered by a new one; any other costs it two
// looks at the disk. Whoever writes calls it in between: what Write made and nobody
// has pushed is gone. Reads go on, of the old one until the new one is there. Errors
// are those of Fetch, and leave the mirror as it was.
func (m *Mirror) Tidy(ctx context.Context) error {
	why := m.cluttered()
	if why == nil {
		return nil
	}
	m.cfg.Log.InfoContext(ctx, "the mirror is made anew", "dir", m.cfg.Dir, "reason", why)
	done, err := m.alone(ctx)
	if err != nil {
		return err
	}
	defer done()
	cfg := m.cfg
	cfg.Dir = m.newDir()
	if err := m.dropReplacement(); err != nil {
		return amend.Errorf(amend.Transient, "tidy mirror", "%w", err)
	}
	fresh, err := OpenMirror(ctx, cfg)
	if err != nil {
		return err
	}
	if err := errors.Join(fresh.Fetch(ctx), fresh.Close()); err != nil {
		return err
	}
	if err := m.replace(fresh); err != nil {
		m.objects.broken.Store(true) // which of the two is there is not known
		return amend.Errorf(amend.Transient, "tidy mirror", "%w", err)
	}
	return nil
}

// replace puts another, closed mirror in the place of this one.
func (m *Mirror) replace(fresh *Mirror) error {
	defer m.hold()()
	if err := errors.Join(os.Rename(m.repoDir(), m.oldDir()), os.Rename(fresh.repoDir(), m.repoDir())); err != nil {
		return err
	}
	m.heads, m.edge = fresh.heads, fresh.edge
	clear(m.parcels)
	m.kept = nil
	m.open()
	return m.dropReplacement()
}

// newDir and oldDir hold a mirror before it is put in place, and after.
func (m *Mirror) newDir() string { return filepath.Join(m.cfg.Dir, "new") }
func (m *Mirror) oldDir() string { return filepath.Join(m.cfg.Dir, "old") }

// dropReplacement deletes what is no longer needed of a replacement, or was left by a
// process that died during one.
func (m *Mirror) dropReplacement() error {
	return errors.Join(os.RemoveAll(m.newDir()), os.RemoveAll(m.oldDir()))
}
