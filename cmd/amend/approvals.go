package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/escalation"
	"github.com/amendhq/amend/internal/github"
	"github.com/amendhq/amend/internal/manifest"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
)

// observe tells people of a decision that needs them. It never blocks.
func (a *approvals) observe(d amend.Decision) {
	if a == nil {
		return
	}
	if t, ok := troubleOf(d); ok {
		a.desk.Raise(t)
	}
}

// proposed vouches for a commit that the writer has put at the head of a pull
// request. It never blocks.
func (e *envWriter) proposed(number int, commit string) {
	if e.approvals != nil {
		e.approvals.desk.Proposed(number, commit)
	}
}

// Judge implements writerapi.Verifier. People are told of a change that did not
// help, and when a later one has.
func (e *envWriter) Judge(ctx context.Context, v amend.Verdict) (amend.Record, error) {
	r, err := e.Writer.Judge(ctx, v)
	if err == nil && e.approvals != nil && r.Verdict == v.State && (v.State == amend.Failed || v.State == amend.Worked) {
		e.approvals.desk.Raise(escalation.Trouble{
			Key: r.Incident, Kind: "did-not-help", Title: fmt.Sprintf("A change of amend did not help: %s of %s", r.Action, r.Target),
			Text: fmt.Sprintf("Commit %s: %s", r.Commit, v.Detail), Over: v.State == amend.Worked,
		})
	}
	return r, err
}

// deliberate are the refusals that a person has asked for, or that end by themselves:
// nobody is told of them.
var deliberate = []amend.Reason{
	amend.ReasonNoPlaybook, amend.ReasonOutOfScope, amend.ReasonKillSwitch, amend.ReasonFrozen, amend.ReasonMuted, amend.ReasonVetoed,
	amend.ReasonCooldown, amend.ReasonSettling,
}

// undecided are the decisions that refuse nothing and end no trouble: the alert
// goes on, and what did not help was only taken back.
var undecided = []amend.Reason{amend.ReasonDuplicate, amend.ReasonSuggested, amend.ReasonReverted, amend.ReasonRevertProposed}

// troubleOf is what people are told of a refusal, or that there is none any more.
// An incident is one trouble, whatever it is refused for; what has no incident
// is known by its alert.
func troubleOf(d amend.Decision) (escalation.Trouble, bool) {
	key := d.Incident
	if key == "" {
		sum := sha256.Sum256([]byte(d.Alert + "\x00" + string(d.Reason)))
		key = "alert-" + hex.EncodeToString(sum[:8])
	}
	t := escalation.Trouble{Key: key, Kind: string(d.Reason), Over: !d.Refused()}
	if t.Over {
		return t, d.Incident != "" && !slices.Contains(undecided, d.Reason)
	}
	t.Title = fmt.Sprintf("amend needs a person: %s (%s)", d.Alert, d.Reason)
	t.Text = fmt.Sprintf("The alert %s about %s was not answered: %s. %s", d.Alert, d.Workload.String(), d.Reason, d.Detail)
	return t, !slices.Contains(deliberate, d.Reason)
}

// An approvalHost is the env repo and its host as the desk wants them.
type approvalHost struct{ *envWriter }

// How long pull requests are looked at after they were opened, and how long
// after they were closed somebody may still have to be told.
const (
	askedFor   = 14 * 24 * time.Hour
	closedLate = 24 * time.Hour
)

// List implements escalation.Pulls.
func (h approvalHost) List(ctx context.Context) ([]escalation.Listed, error) {
	now := time.Now()
	found, err := h.host.PullRequestsSince(ctx, h.flags.branch, now.Add(-askedFor))
	var all []escalation.Listed
	for _, p := range found {
		if strings.HasPrefix(p.Branch, branchPrefix) && (p.State == github.Open || now.Sub(p.ClosedAt) < closedLate) {
			all = append(all, escalation.Listed{Number: p.Number, Updated: p.UpdatedAt})
		}
	}
	return all, err
}

// branchPrefix begins the branches of amend, see amend.Branch.
const branchPrefix = "amend/"

// Read implements escalation.Pulls.
func (h approvalHost) Read(ctx context.Context, number int) (escalation.Pull, error) {
	p, err := h.host.Proposal(ctx, number)
	if err != nil {
		return escalation.Pull{}, err
	}
	if p.Base != h.flags.branch || !strings.HasPrefix(p.Branch, branchPrefix) {
		return escalation.Pull{}, amend.Errorf(amend.NotFound, "read pull request", "%d is from %.100q into %.100q, which is none of amend's", number, p.Branch, p.Base)
	}
	read := escalation.Pull{Number: number, Title: p.Title, URL: p.URL, Comments: p.Comments}
	if read.Diff, err = h.diff(ctx, p); err != nil {
		return escalation.Pull{}, err
	}
	sum := sha256.Sum256([]byte(p.Base + "\x00" + p.MergeBase + "\x00" + read.Diff))
	read.Matter = approval.Matter{State: approval.State(p.State), SHA: p.HeadSHA, Digest: hex.EncodeToString(sum[:16]), Proposers: p.Logins}
	return read, nil
}

// diff is what a pull request changes, as unified diffs.
func (h approvalHost) diff(ctx context.Context, p github.Proposal) (string, error) {
	if p.State != github.Open {
		return "", nil
	}
	if !h.mirror.Has(p.HeadSHA) || !h.mirror.Has(p.MergeBase) {
		if err := h.mirror.Fetch(ctx); err != nil {
			return "", err
		}
	}
	before, err := h.mirror.Tree(p.MergeBase)
	if err != nil {
		return "", err
	}
	after, err := h.mirror.Tree(p.HeadSHA)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, path := range p.Files {
		old, err := readIfThere(before, path.String())
		if err != nil {
			return "", err
		}
		now, err := readIfThere(after, path.String())
		if err != nil {
			return "", err
		}
		if !bytes.Equal(old, now) {
			all.WriteString(manifest.Diff(path.String(), old, now))
		}
	}
	return all.String(), nil
}

func readIfThere(files fs.FS, name string) ([]byte, error) {
	content, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// Comment implements escalation.Acts.
func (h approvalHost) Comment(ctx context.Context, number int, body string) error {
	return h.host.Comment(ctx, number, body)
}

// Merge implements escalation.Acts. Who approved it stands in the commit that
// the merge makes, below the trailers of the change if it is a squash.
func (h approvalHost) Merge(ctx context.Context, number int, sha string, by approval.Approver) error {
	p, err := h.host.Proposal(ctx, number)
	if err != nil {
		return err
	}
	if err := h.checkFreezes(ctx, p.Message); err != nil {
		return err
	}
	approved := fmt.Sprintf("Approved-by: %s (%s)", by.Name, by.Login)
	return h.host.MergePullRequest(ctx, github.Merge{
		Number: number, SHA: sha, Note: p.Title + "\n\n" + approved, Message: strings.TrimRight(p.Message, "\n") + "\n" + approved,
	})
}

// checkFreezes refuses when a freeze of the policy holds the change of a commit.
func (h approvalHost) checkFreezes(ctx context.Context, text string) error {
	t, ok := message.ParseTrailers(text)
	if !ok {
		return amend.Refusef(amend.ReasonFailed, "the commit says nothing of the remediation that it is")
	}
	_, p, err := h.policy(ctx)
	if err != nil {
		return err
	}
	if name, until := p.Frozen(t.Playbook, t.Workload.Namespace, time.Now()); name != "" {
		return amend.Refusef(amend.ReasonFrozen, "the freeze %s holds until %s", name, until.UTC().Format(time.RFC3339))
	}
	return nil
}

// Decline implements escalation.Acts. It leaves no label of a closing by amend, so
// it mutes the incident, also when the pull request was opened again just now.
func (h approvalHost) Decline(ctx context.Context, number int) error {
	if err := h.host.Unlabel(ctx, number, withdrawnLabel, staleLabel); err != nil {
		return err
	}
	return h.host.Close(ctx, number, nil)
}

// policy reads the files of the branch and the policy in them as they are at this
// moment.
func (h approvalHost) policy(ctx context.Context) (fs.FS, *policy.Policy, error) {
	if err := h.mirror.Fetch(ctx); err != nil {
		return nil, nil, err
	}
	head, err := h.mirror.Head(h.flags.branch)
	if err != nil {
		return nil, nil, err
	}
	files, err := h.mirror.Tree(head)
	if err != nil {
		return nil, nil, err
	}
	data, err := fs.ReadFile(files, policy.Path)
	if err != nil {
		return nil, nil, amend.Errorf(amend.Invalid, "read policy", "%w", err)
	}
	p, err := policy.Parse(policy.Path, data, pipeline.Catalogue())
	return files, p, err
}

// rules are what the policy says at this moment, and whether amend is stopped.
func (h approvalHost) rules(ctx context.Context) (escalation.Rules, error) {
	files, p, err := h.policy(ctx)
	if err != nil {
		return escalation.Rules{}, err
	}
	_, err = fs.Stat(files, pipeline.StopFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return escalation.Rules{}, err
	}
	return escalation.Rules{Chain: chainOf(p.Approvals), Stopped: err == nil}, nil
}

// chainOf is the chain that the policy describes.
func chainOf(a policy.Approvals) approval.Chain {
	c := approval.Chain{Expire: time.Duration(a.Expire)}
	for _, p := range a.Approvers {
		c.Approvers = append(c.Approvers, approval.Approver{Name: p.Name, User: p.Slack, Login: p.GitHub})
	}
	for _, s := range a.Steps {
		via, place := s.Via()
		c.Steps = append(c.Steps, approval.Step{Via: via, Place: place, Wait: time.Duration(s.Wait)})
	}
	return c
}
