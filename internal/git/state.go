package git

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/amendhq/amend/internal/atomicfile"
)

// state is the mirror's only file beside the objects. It is replaced as a
// whole, so the branches can never be half of one fetch and half of another.
type state struct {
	Format int               `json:"format"`
	URL    string            `json:"url"`
	Heads  map[string]string `json:"heads"`
	Edge   []string          `json:"edge,omitempty"`
}

// stateFormat changes when an older mirror must not be read, or an older amend must
// not read this one.
const stateFormat = 2

func (m *Mirror) statePath() string { return filepath.Join(m.repoDir(), "state.json") }

// tornPath exists while objects are being put in place. Found on opening, it
// says that a process died in the middle.
func (m *Mirror) tornPath() string { return filepath.Join(m.repoDir(), "installing") }

func (m *Mirror) saveState() error {
	if err := m.save(); err != nil { // what the branches name comes before them
		return err
	}
	s := state{Format: stateFormat, URL: m.cfg.URL, Heads: make(map[string]string, len(m.heads))}
	for branch, h := range m.heads {
		s.Heads[branch] = h.String()
	}
	for h := range m.edge {
		s.Edge = append(s.Edge, h.String())
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return atomicfile.Write(m.statePath(), b, 0o600)
}

func (m *Mirror) loadState() (heads map[string]plumbing.Hash, edge map[plumbing.Hash]bool, err error) {
	b, err := os.ReadFile(m.statePath())
	if err != nil {
		return nil, nil, err
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, nil, err
	}
	if s.Format != stateFormat || s.URL != m.cfg.URL {
		return nil, nil, fmt.Errorf("it mirrors %q in format %d", s.URL, s.Format)
	}
	heads, edge = map[string]plumbing.Hash{}, map[plumbing.Hash]bool{}
	for branch, sha := range s.Heads {
		if heads[branch], err = parseSHA(sha); err != nil {
			return nil, nil, err
		}
	}
	for _, sha := range s.Edge {
		h, err := parseSHA(sha)
		if err != nil {
			return nil, nil, err
		}
		edge[h] = true
	}
	return heads, edge, nil
}
