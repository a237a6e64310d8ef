package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend/internal/tree"
)

// policyFile is where the policy lies in an env repo.
const policyFile = ".amend/policy.yaml"

// policies remembers what the policies of a history allow, as most commits have
// the same one.
type policies struct {
	mu     sync.Mutex
	byHash map[string]map[string][]string
}

// read returns the actions of each playbook, by its name. Of a policy no more is
// read, because an older one may not be one that this version of amend takes.
func (p *policies) read(files fs.FS) (map[string][]string, error) {
	hash := ""
	if h, ok := files.(tree.Hasher); ok {
		hash, _ = h.Hash(policyFile)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.byHash[hash]; ok && hash != "" {
		return known, nil
	}
	data, err := fs.ReadFile(files, policyFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	var policy struct {
		Playbooks []struct {
			Name   string `yaml:"name"`
			Action string `yaml:"action"`
			Then   []struct {
				Action string `yaml:"action"`
			} `yaml:"then"`
		} `yaml:"playbooks"`
	}
	playbooks := map[string][]string{}
	if yaml.Unmarshal(data, &policy) == nil { // else it allows nothing
		for _, b := range policy.Playbooks {
			playbooks[b.Name] = append(playbooks[b.Name], b.Action)
			for _, rung := range b.Then {
				playbooks[b.Name] = append(playbooks[b.Name], rung.Action)
			}
		}
	}
	p.byHash[hash] = playbooks
	return playbooks, nil
}
