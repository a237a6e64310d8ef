package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/mask"
	"github.com/amendhq/amend/internal/tree"
)

// The bounds of what a tool takes and gives.
const (
	maxToolNames  = 64
	maxToolText   = 4 << 10
	maxToolAnswer = 256 << 10
	maxToolLog    = 100
)

// tools answer the questions of an agent. Whatever they answer is masked.
type tools struct{ *investigator }

// alertInput is an alert as an agent gives it.
type alertInput struct {
	Labels      map[string]string `json:"labels" jsonschema:"the labels of the alert, alertname among them"`
	Annotations map[string]string `json:"annotations,omitempty" jsonschema:"the annotations of the alert"`
	StartsAt    string            `json:"startsAt,omitempty" jsonschema:"when the alert began to fire, in RFC 3339; now when left out"`
}

func (in alertInput) event(now time.Time) (amend.Event, error) {
	a := amend.Alert{Status: amend.Firing, Labels: in.Labels, Annotations: in.Annotations, StartsAt: now}
	if len(in.Labels)+len(in.Annotations) > maxToolNames {
		return amend.Event{}, amend.Errorf(amend.Invalid, "read alert", "more than %d labels and annotations", maxToolNames)
	}
	for _, texts := range []map[string]string{in.Labels, in.Annotations} {
		for name, value := range texts {
			if len(name)+len(value) > maxToolText {
				return amend.Event{}, amend.Errorf(amend.Invalid, "read alert", "a label or an annotation is longer than %d bytes", maxToolText)
			}
		}
	}
	if a.Name() == "" || a.Requested() { // a request is its creator's to make
		return amend.Event{}, amend.Errorf(amend.Invalid, "read alert", "want the label alertname, with the name of an alert")
	}
	if in.StartsAt != "" {
		var err error
		if a.StartsAt, err = time.Parse(time.RFC3339, in.StartsAt); err != nil {
			return amend.Event{}, amend.Errorf(amend.Invalid, "read alert", "startsAt: %w", err)
		}
	}
	return alert.NewEvent(a, now, alert.NewIdentity(alert.DefaultVolatile())), nil
}

func (t tools) report(ctx context.Context, in alertInput) (string, error) {
	e, err := in.event(t.now())
	if err != nil {
		return "", err
	}
	r, err := t.investigator.report(ctx, e)
	if err != nil {
		return "", t.failure(err)
	}
	return r.Markdown(), nil
}

func (t tools) decide(_ context.Context, in alertInput) (string, error) {
	e, err := in.event(t.now())
	if err != nil {
		return "", err
	}
	decisions, err := simulate(t.repo, []amend.Event{e}, t.now())
	return masked(t, decisions, err)
}

type causeInput struct {
	Resource string `json:"resource" jsonschema:"the live object as KIND/NAMESPACE/NAME, e.g. Deployment/shop/web"`
	Began    string `json:"began" jsonschema:"when the trouble began, in RFC 3339"`
	Alert    string `json:"alert,omitempty" jsonschema:"the name of the alert, which says weakly what kind of change fits"`
}

func (t tools) cause(ctx context.Context, in causeInput) (string, error) {
	ref, err := parseResource(in.Resource)
	if err != nil {
		return "", err
	}
	began, err := time.Parse(time.RFC3339, in.Began)
	if err != nil {
		return "", amend.Errorf(amend.Invalid, "read question", "began: %w", err)
	}
	commits, err := suspects{t.repo}.Commits(ctx, amend.Evidence{
		Workload: amend.Workload{ObjectRef: ref},
		Event:    amend.Event{Alert: amend.Alert{Labels: map[string]string{"alertname": in.Alert}, StartsAt: began}},
	})
	return masked(t, append([]amend.SuspectCommit{}, commits...), err)
}

type locateInput struct {
	Resource string `json:"resource" jsonschema:"the live object as [GROUP/]KIND/NAMESPACE/NAME, e.g. Deployment/shop/web"`
	Field    string `json:"field" jsonschema:"field path in the live object, e.g. spec.replicas or spec.template.spec.containers[name=app].image"`
}

func (t tools) locate(_ context.Context, in locateInput) (string, error) {
	var q locate.Query
	var err error
	if q.Object, err = parseResource(in.Resource); err != nil {
		return "", err
	}
	if q.Field, err = amend.ParseFieldPath(in.Field); err != nil {
		return "", err
	}
	files, err := tree.Dir(t.repo)
	if err != nil {
		return "", t.failure(err)
	}
	site, err := locate.New(withJsonnet()).Locate(files, q)
	found := locateAnswer(site, err)
	if found == nil {
		return "", t.failure(err)
	}
	found.Current = t.masker.Value(in.Field, found.Current)
	return masked(t, found, nil)
}

type logInput struct {
	Since string `json:"since,omitempty" jsonschema:"the earliest time, in RFC 3339; all when left out"`
}

func (t tools) log(_ context.Context, in logInput) (string, error) {
	var since time.Time
	var err error
	if in.Since != "" {
		if since, err = time.Parse(time.RFC3339, in.Since); err != nil {
			return "", amend.Errorf(amend.Invalid, "read question", "since: %w", err)
		}
	}
	past, err := readPast(t.repo)
	if err != nil {
		return "", t.failure(err)
	}
	records, err := past.Records(since, amend.Commit)
	slices.SortStableFunc(records, func(a, b amend.Record) int { return b.At.Compare(a.At) })
	return masked(t, append([]amend.Record{}, records[:min(len(records), maxToolLog)]...), err)
}

type explainInput struct {
	Question string `json:"question" jsonschema:"a commit, an incident, the id of an event, or #NUMBER of a pull request"`
}

func (t tools) explain(ctx context.Context, in explainInput) (string, error) {
	threads, err := explain(ctx, explainFlags{repo: t.repo, branch: checkedOut}, in.Question)
	return masked(t, threads, err)
}

// masked writes a value as masked JSON.
func masked[T any](t tools, v T, err error) (string, error) {
	if err != nil {
		return "", t.failure(err)
	}
	var b strings.Builder
	if err := cli.PrintJSON(&b, mask.Deep(t.masker, v)); err != nil {
		return "", err
	}
	if b.Len() > maxToolAnswer {
		return "", amend.Errorf(amend.Refused, "answer", "the answer has more than %d bytes; ask for less", maxToolAnswer)
	}
	return b.String(), nil
}

// failure is an error as an agent may read it: masked, and without what is
// private.
func (t tools) failure(err error) error { return errors.New(t.masker.Text(amend.Public(err))) }
