package pipeline_test

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
)

// A hashed is a tree that knows the hash of its policy, and notes how often that is read.
type hashed struct {
	fstest.MapFS
	hash string // "" for unknown
	read *int
}

func (h hashed) Hash(string) (string, bool) { return h.hash, h.hash != "" }

func (h hashed) ReadFile(name string) ([]byte, error) {
	*h.read++
	return h.MapFS.ReadFile(name)
}

// The policy is that of the tree, whatever was read before, and read once while its
// hash says that it is the same.
func TestPolicyIsThatOfTheTree(t *testing.T) {
	read := 0
	tree := func(hash, alert string) fs.FS {
		files := fstest.MapFS{}
		if alert != "" {
			files[policy.Path] = &fstest.MapFile{Data: []byte(`apiVersion: amend.dev/v1alpha1
kind: Policy
playbooks:
  - name: it
    match: [alertname="` + alert + `"]
    workload: {kind: Deployment, namespace: {value: shop}, name: {label: deployment}}
    action: restart
    mode: suggest
`)}
		}
		return hashed{files, hash, &read}
	}
	p := pipeline.New()
	var reads []int
	for _, tt := range []struct {
		tree fs.FS
		want amend.Reason
	}{
		{tree("1", "A"), amend.ReasonNoWorkload}, {tree("1", "A"), amend.ReasonNoWorkload},
		{tree("2", "B"), amend.ReasonNoPlaybook}, {tree("2", "B"), amend.ReasonNoPlaybook},
		{tree("", "A"), amend.ReasonNoWorkload}, {tree("", "A"), amend.ReasonNoWorkload}, {tree("", "B"), amend.ReasonNoPlaybook},
		{tree("1", "A"), amend.ReasonNoWorkload}, {tree("3", "A"), amend.ReasonNoWorkload}, {tree("3", "A"), amend.ReasonNoWorkload},
		{tree("4", "not a policy\""), amend.ReasonInvalidPolicy}, {tree("3", "A"), amend.ReasonNoWorkload},
		{tree("", ""), amend.ReasonInvalidPolicy}, {tree("3", "A"), amend.ReasonNoWorkload},
	} {
		e := amend.Event{Alert: amend.Alert{Status: amend.Firing, Labels: map[string]string{"alertname": "A"}}}
		d, err := p.Decide(pipeline.World{Tree: tt.tree, Now: time.Now()}, e)
		if err != nil || d.Reason != tt.want {
			t.Errorf("decision %d is %s (%s), %v; want %s", len(reads), d.Reason, d.Detail, err, tt.want)
		}
		reads = append(reads, read)
	}
	if want := []int{1, 1, 2, 2, 3, 4, 5, 6, 7, 7, 8, 8, 9, 9}; !slices.Equal(reads, want) {
		t.Errorf("read %v times, want %v", reads, want)
	}
}
