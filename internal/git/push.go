package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/amendhq/amend"
)

const (
	// pushTries bounds how often a push is sent whose answer keeps getting lost.
	pushTries = 4
	// pushTimeout ends one try.
	pushTimeout = 15 * time.Second
	// pushPause is the longest pause after the first of them; it doubles.
	pushPause = 200 * time.Millisecond
)

// Push moves a branch of the host from one commit to another, which Write or a
// fetch has put here. From is "" for a branch that is to be created. It is one
// request: all objects that the host lacks, and a compare-and-swap of the branch
// by the host. Where the branch is not at from, or exists although it was to be
// created, nothing changes and the error is amend.Conflict; where the host
// forbids the move, amend.Refused.
//
// When an answer is lost, Push fetches to find out what became of the branch, and
// sends the same again unless that tells: of two that are the same the second can
// but fail. An error of another kind than those leaves open whether the branch has
// moved.
func (m *Mirror) Push(ctx context.Context, branch, from, to string) error {
	move, err := moveOf(branch, from, to)
	if err != nil {
		return err
	}
	p, err := m.pack(move.New)
	if err != nil {
		return err
	}
	unsure := false
	for try := 1; ; try++ {
		err := m.send(ctx, move, p.content)
		var no *rejection
		rejected := errors.As(err, &no)
		if err == nil {
			m.pushed(ctx, branch, to, p.commits)
			return nil
		}
		if !rejected && amend.KindOf(err) != amend.Transient {
			return err
		}
		unsure = unsure || !rejected
		head, landed, lookErr := m.look(ctx, branch, to)
		switch {
		case landed && (unsure || from != ""):
			m.cfg.Log.InfoContext(ctx, "a push without a good answer was a success", "branch", branch, "commit", to)
			return nil
		case lookErr == nil && head != from:
			return amend.Errorf(amend.Conflict, "push", "the branch %s is not where it was: %w", branch, err)
		case rejected, try == pushTries:
			return err // and not lookErr: it says what was being done
		}
		select {
		case <-time.After(rand.N(pushPause << try)):
		case <-ctx.Done():
			return err
		}
	}
}

// moveOf checks what is asked for: what cannot be a branch must not reach the
// wire, where a line end would begin another command.
func moveOf(branch, from, to string) (*packp.Command, error) {
	move := &packp.Command{Name: plumbing.NewBranchReferenceName(branch)}
	if err := move.Name.Validate(); err != nil || strings.ContainsFunc(branch, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, amend.Errorf(amend.Invalid, "push", "%.100q cannot be a branch", branch)
	}
	var err error
	if from != "" {
		if move.Old, err = parseSHA(from); err != nil {
			return nil, err
		}
	}
	move.New, err = parseSHA(to)
	return move, err
}

// send asks the host once. A *rejection in the error says that the host has
// looked at the move and not made it.
func (m *Mirror) send(ctx context.Context, move *packp.Command, pack []byte) error {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	l, err := m.dial(ctx, "push")
	if err != nil {
		return classify("push", err)
	}
	session, err := l.NewReceivePackSession(l.endpoint, l.auth)
	if err != nil {
		return classify("push", err)
	}
	defer session.Close()
	understood, err := m.greet(ctx, session)
	if err != nil {
		return classify("push", err)
	}
	req := packp.NewReferenceUpdateRequestFromCapabilities(understood)
	req.Commands = []*packp.Command{move}
	req.Packfile = io.NopCloser(bytes.NewReader(pack))
	report, err := session.ReceivePack(ctx, req)
	if report != nil {
		return verdictOn(move, report)
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return classify("push", err)
}

// greet returns what the host understands of a push. Git's protocol wants that to
// be asked before one; once is enough, as the answer is the same every time, but
// for the branches, which the host compares itself.
func (m *Mirror) greet(ctx context.Context, s transport.ReceivePackSession) (*capability.List, error) {
	m.mu.Lock()
	known := m.understood
	m.mu.Unlock()
	if known != nil {
		return known, nil
	}
	adv, err := s.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, err
	}
	if !adv.Capabilities.Supports(capability.ReportStatus) {
		return nil, amend.Errorf(amend.Invalid, "push", "the host does not tell what becomes of a push")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.understood = adv.Capabilities
	return m.understood, nil
}

// verdictOn reads the host's report.
func verdictOn(move *packp.Command, report *packp.ReportStatus) error {
	for _, s := range report.CommandStatuses {
		switch {
		case s.ReferenceName != move.Name:
		case s.Status == "ok":
			return nil
		default:
			return rejected(s.Status)
		}
	}
	if report.UnpackStatus != "ok" {
		return rejected(report.UnpackStatus)
	}
	return amend.Errorf(amend.Transient, "push", "the host does not say what became of the branch")
}

// A rejection is the host's word that it did not move a branch.
type rejection struct{ why string }

func (r *rejection) Error() string { return fmt.Sprintf("the host did not move the branch: %s", r.why) }

// forbidding are words by which a host says that a rule of the repository, and
// not its state, is why. First of all those of GitHub and of hooks.
var forbidding = []string{"declined", "protected", "prohibited", "denied", "not allowed", "forbidden", "rule", "policy", "permission", "archived", "read-only"}

// maxReason bounds the host's words in errors and logs, in bytes.
const maxReason = 500

func rejected(why string) error {
	why = strings.ToValidUTF8(why[:min(len(why), maxReason)], "")
	lower := strings.ToLower(why)
	if slices.ContainsFunc(forbidding, func(word string) bool { return strings.Contains(lower, word) }) {
		e := amend.Refusef(amend.ReasonFailed, "%w", &rejection{why})
		e.Op = "push"
		return e
	}
	return amend.Errorf(amend.Transient, "push", "%w", &rejection{why})
}

// look fetches and returns where the branch is, "" if it does not exist, and whether it
// holds a commit, as its head or below what others have pushed since.
func (m *Mirror) look(ctx context.Context, branch, sha string) (head string, landed bool, err error) {
	if err := m.Fetch(ctx); err != nil {
		return "", false, err
	}
	head, err = m.Head(branch)
	if amend.KindOf(err) == amend.NotFound {
		return "", false, nil
	}
	if err != nil || head == sha {
		return head, err == nil, err
	}
	for c, err := range m.Log(head, sha) {
		if amend.KindOf(err) == amend.NotFound {
			return head, false, nil // the mirror was built anew, and nothing on the host stands on it
		}
		if err != nil {
			return "", false, err
		}
		if slices.Contains(c.Parents, sha) {
			return head, true, nil
		}
	}
	return head, false, nil
}

// pushed notes what the host has by now. A mirror that cannot is behind until the
// next fetch.
func (m *Mirror) pushed(ctx context.Context, branch, to string, commits []plumbing.Hash) {
	if err := m.Advance(branch, to); err != nil {
		m.cfg.Log.WarnContext(ctx, "the mirror could not follow a push", "branch", branch, "commit", to, "error", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range commits {
		delete(m.parcels, h)
	}
}
