package policy

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
)

// What holds when neither the playbook nor the defaults of the file say so.
const (
	defaultMode     = amend.PullRequest
	defaultCooldown = Duration(time.Hour)
	defaultMute     = Duration(7 * 24 * time.Hour)
)

// Parse reads and checks a policy against the catalogue. Its error is a
// Problems with every mistake of the file, which is named file in it.
func Parse(file string, data []byte, cat Catalogue) (*Policy, error) {
	r := &reader{file: file, at: map[any]*yaml.Node{}}
	p := &Policy{}
	if doc := r.document(data); doc != nil {
		r.read(doc, reflect.ValueOf(p).Elem())
		if r.size > maxSize {
			r.problems = nil
			r.problem(doc, "the aliases of the file expand to more than 256 KiB; write less, or use defaults")
		} else {
			r.check(p, cat)
		}
	}
	if len(r.problems) > 0 {
		r.problems.sort()
		return nil, r.problems
	}
	p.fill(cat)
	p.fillGuards()
	p.fillApprovals()
	return p, nil
}

// document returns the content of the only document in data, or nil after
// reporting why there is none.
func (r *reader) document(data []byte) *yaml.Node {
	start := &yaml.Node{Line: 1, Column: 1}
	if len(data) > maxSize {
		r.problem(start, "the file is larger than 256 KiB")
		return nil
	}
	in := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := in.Decode(&first); errors.Is(err, io.EOF) {
		r.problem(start, "the file is empty; expected apiVersion: %s, kind: %s and playbooks", apiVersion, kindPolicy)
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	switch err := in.Decode(&second); {
	case err == nil:
		r.problem(&second, "the file holds a second document; expected one policy")
	case !errors.Is(err, io.EOF):
		r.syntax(err)
		return nil
	}
	return first.Content[0]
}

var syntaxError = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)

// syntax reports an error of the YAML library, which knows lines only.
func (r *reader) syntax(err error) {
	at, message := &yaml.Node{Line: 1, Column: 1}, err.Error()
	if m := syntaxError.FindStringSubmatch(message); m != nil {
		message = m[2]
		if line, err := strconv.Atoi(m[1]); err == nil {
			at.Line = line
		}
	}
	r.problem(at, "not YAML: %s", message)
}

// fill completes every playbook with what it leaves out. Zero is no valid value
// of these fields, so it means that nothing was written.
func (p *Policy) fill(cat Catalogue) {
	for i := range p.Playbooks {
		b := &p.Playbooks[i]
		b.Mode = cmp.Or(b.Mode, p.Defaults.Mode, defaultMode)
		b.Cooldown = cmp.Or(b.Cooldown, p.Defaults.Cooldown, defaultCooldown)
		b.Mute = cmp.Or(b.Mute, p.Defaults.Mute, defaultMute)
		b.Verify = b.Verify.or(p.Defaults.Verify, b.Mode)
		b.PullRequests = b.PullRequests.or(p.Defaults.PullRequests)
		action, _ := cat.lookup(b.Action)
		b.With = complete(b.With, action)
		for j := range b.Then {
			action, _ := cat.lookup(b.Then[j].Action)
			b.Then[j].With = complete(b.Then[j].With, action)
		}
		b.accepts = accepted(b.Accept, action)
	}
}

// complete adds the defaults of the parameters that are left out.
func complete(with map[string]string, action Action) map[string]string {
	for _, param := range action.Params {
		if _, set := with[param.Name]; !set && param.Default != "" {
			if with == nil {
				with = map[string]string{}
			}
			with[param.Name] = param.Default
		}
	}
	return with
}
