package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/tree"
)

func newLocate() *cobra.Command {
	var flags fieldFlags
	cmd := &cobra.Command{
		Use:   "locate",
		Short: "Find the line of an env repo that controls a field of a live object",
		Long: `Find the file and the line in a folder that control one field of one live
object, and prove it: the answer is given only if a changed value at that line
changes, in all that the folder renders to, this field and nothing else.
Otherwise the answer is a refusal with its reason and exit code 3; docs/locate.md
explains each. Nothing is written, and no Git history is needed.

FILE.yaml of --application holds the Application (or ApplicationSet) that owns
the object as it is live, and after it its parents, nearest first. With --cluster
the cluster is asked for them instead; then --resource may be a Pod, a ReplicaSet
or a Job too.`,
		Example: `  amend locate --repo . --resource Deployment/shop/web --field spec.replicas
  amend locate --repo . --application web --resource apps/Deployment/shop/web \
    --field 'spec.template.spec.containers[name=app].image' -o json
  amend locate --repo . --path overlays/prod --resource ConfigMap/shop/web --field 'data["LOG_LEVEL"]'
  amend locate --repo . --cluster --resource Pod/shop/web-5d9c-x2x4b \
    --field 'spec.containers[name=app].image'`,
	}
	out := cli.OutputFlag(cmd)
	flags.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		q, files, err := flags.query(cmd)
		if err != nil {
			return err
		}
		defer quiet()()
		hops, err := flags.cluster.owner(cmd.Context(), &q)
		var site locate.Site
		if err == nil {
			site, err = locate.New(withJsonnet()).Locate(files, q)
		}
		site.Hops = slices.Concat(hops, site.Hops)
		if site.Add && site.Current == "" {
			warnNew(cmd.ErrOrStderr(), q)
		}
		found := locateAnswer(site, err)
		if found == nil {
			return err
		}
		w := cmd.OutOrStdout()
		if *out == cli.JSON {
			return errors.Join(cli.PrintJSON(w, found), refusal(err))
		}
		return errors.Join(found.print(w, files), refusal(err))
	}
	return cmd
}

// warnNew tells of a field that nothing sets and no schema has, because renders take any
// name for a field.
func warnNew(stderr io.Writer, q locate.Query) {
	known, near := locate.Known(q.Object, q.Field)
	if known {
		return
	}
	hint := "check its spelling, which no render tells"
	if near != nil {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	fmt.Fprintf(stderr, "warning: nothing sets %s yet, and amend knows no such field of a %s; %s\n", q.Field, q.Object.Kind, hint)
}

// quiet drops what libraries print to the standard error of the process until
// the function that it returns is called: with every render, Kustomize warns of
// old fields in files that are none of this command's business.
func quiet() func() {
	stderr := os.Stderr
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return func() {}
	}
	os.Stderr = null
	return func() {
		os.Stderr = stderr
		_ = null.Close() // nothing that was written to it is missed
	}
}

// fieldFlags name one field of one object, for locate and edit alike.
type fieldFlags struct {
	repo, application, path string
	resource, field         string
	allowShared             bool
	cluster                 clusterFlags
}

func (f *fieldFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.repo, "repo", ".", "folder of the env repo")
	fs.StringVar(&f.application, "application", "", "name of the Application that owns the object, or a file with it and its parents")
	fs.StringVar(&f.path, "path", "", "folder to treat as the one source, when there is no Application")
	fs.StringVar(&f.resource, "resource", "", "the live object: [GROUP/]KIND/NAMESPACE/NAME (required)")
	fs.StringVar(&f.field, "field", "", "field path in the live object, e.g. spec.replicas (required)")
	fs.BoolVar(&f.allowShared, "allow-shared", false, "permit a line that controls other fields, objects or applications too")
	f.cluster.register(cmd)
}

// query reads the flags and opens the folder.
func (f *fieldFlags) query(cmd *cobra.Command) (locate.Query, fs.FS, error) {
	q := locate.Query{Root: f.path, AllowShared: f.allowShared}
	for _, flag := range []string{"resource", "field"} {
		if err := cli.Required(cmd, flag); err != nil {
			return q, nil, err
		}
	}
	var err error
	if q.Object, err = parseResource(f.resource); err != nil {
		return q, nil, err
	}
	if q.Field, err = amend.ParseFieldPath(f.field); err != nil {
		return q, nil, err
	}
	if err := f.owner(&q); err != nil {
		return q, nil, err
	}
	files, err := tree.Dir(f.repo)
	return q, files, err
}

// owner reads --application: a file if the value ends as one, and else a name,
// which never holds a slash and seldom a dot.
func (f *fieldFlags) owner(q *locate.Query) error {
	ext := strings.ToLower(f.application)
	if !strings.HasSuffix(ext, ".yaml") && !strings.HasSuffix(ext, ".yml") && !strings.HasSuffix(ext, ".json") {
		q.Application = f.application
		return nil
	}
	data, err := os.ReadFile(f.application)
	if err != nil {
		return amend.Errorf(amend.Invalid, "read --application", "%w", err)
	}
	if q.Live = data; len(bytes.TrimSpace(data)) == 0 {
		return amend.Errorf(amend.Invalid, "read --application", "%s is empty", f.application)
	}
	return nil
}

// A placed is what locate prints with -o json; tools outside of this
// repository read it (docs/locate.md).
type placed struct {
	Status      string              `json:"status"` // located, add or refused
	File        string              `json:"file"`
	Line        int                 `json:"line"`
	EndLine     int                 `json:"endLine"`
	YAMLPath    string              `json:"yamlPath"`
	Current     string              `json:"current"`
	SourceType  string              `json:"sourceType"`
	Via         string              `json:"via"`
	Hops        []locate.Hop        `json:"hops"`
	AlsoChanges []locate.AlsoChange `json:"alsoChanges"`
	Renders     int                 `json:"renders"`
	Reason      string              `json:"reason"`
}

// locateAnswer returns nil for an error that is no refusal.
func locateAnswer(s locate.Site, err error) *placed {
	a := &placed{
		Status: "located", File: s.Path.String(), Line: s.Line, EndLine: s.EndLine, YAMLPath: s.YAMLPath,
		Current: s.Current, SourceType: string(s.SourceType), Via: s.Via, Renders: s.Renders,
		Hops: append([]locate.Hop{}, s.Hops...), AlsoChanges: append([]locate.AlsoChange{}, s.AlsoChanges...),
	}
	switch {
	case err != nil:
		if a.Status, a.Reason = "refused", reasonText(err); a.Reason == "" {
			return nil
		}
	case s.Add:
		a.Status = "add"
	}
	return a
}

// reasonText begins with the word of the closed list; "" if err is no refusal.
func reasonText(err error) string {
	var e *amend.Error
	for errors.As(err, &e) {
		if e.Reason != "" {
			return (&amend.Error{Reason: e.Reason, Err: e.Err}).Error()
		}
		err = e.Err
	}
	return ""
}

// refusal gives a refusal that was printed its exit code, whatever its kind.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	return cli.Printed(amend.Errorf(amend.Refused, "", "%w", err))
}

// print tells the answer to a person at a terminal.
func (a *placed) print(w io.Writer, files fs.FS) error {
	if a.Status == "refused" {
		_, err := fmt.Fprintf(w, "refused: %s\n", plain(a.Reason))
		return err
	}
	var b strings.Builder
	writeHops(&b, a.Hops)
	verb := "is set at"
	if a.Status == "add" {
		verb = "is to be added at"
	}
	fmt.Fprintf(&b, "%s %s:%d, by %s (%s)\n", verb, a.File, a.Line, a.Via, a.SourceType)
	fmt.Fprintf(&b, "current value: %s\n", orNone(plain(a.Current)))
	data, err := fs.ReadFile(files, a.File)
	if err != nil {
		return amend.Errorf(amend.Transient, "read env repo", "%w", err)
	}
	b.WriteString("\n" + excerpt(data, a))
	for _, c := range a.AlsoChanges {
		fmt.Fprintf(&b, "also changes %s of %s in %s\n", c.Field, c.Object, c.Application)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

func writeHops(b *strings.Builder, hops []locate.Hop) {
	for _, h := range hops {
		fmt.Fprintf(b, "%s is controlled by %s of %s\n", h.Controls, h.Field, h.Object)
	}
}

// excerpt shows the line with two lines of context. A field that is to be added
// has no line yet: what is there now is shown.
func excerpt(data []byte, a *placed) string {
	const context = 2
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	end := a.EndLine
	if a.Status == "add" {
		end = a.Line - 1
	}
	var b strings.Builder
	for n := max(1, a.Line-context); n <= min(len(lines), end+context); n++ {
		mark := " "
		if n >= a.Line && n <= end {
			mark = ">"
		}
		fmt.Fprintf(&b, "%s %4d  %s\n", mark, n, plain(lines[n-1]))
	}
	return b.String()
}

// plain keeps text of the repo from steering the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return -1
		}
		return r
	}, s)
}
