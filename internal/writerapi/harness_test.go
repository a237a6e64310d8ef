package writerapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/writerapi"
)

const (
	sha   = "0123456789abcdef0123456789abcdef01234567"
	other = "89abcdef0123456789abcdef0123456789abcdef"
	// revert takes the change of sha back.
	revert = "456789abcdef0123456789abcdef0123456789ab"
)

var at = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// A pen stands for the writer: it answers what the test puts in and notes what
// it was asked.
type pen struct {
	mu       sync.Mutex
	calls    []string
	decision amend.Decision
	record   amend.Record
	state    writerapi.RecordState
	contains bool
	err      error
}

func (p *pen) note(call string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
	return p.err
}

func (p *pen) Preview(_ context.Context, e amend.Event) (amend.Decision, error) {
	return p.decision, p.note("preview " + e.ID)
}

// Handle asks for permission before it acts, as the writer does.
func (p *pen) Handle(ctx context.Context, e amend.Event, allow writerapi.Allow) (amend.Decision, error) {
	return p.act(ctx, "handle "+e.ID, allow)
}

func (p *pen) Revert(ctx context.Context, r amend.Reversal, allow writerapi.Allow) (amend.Decision, error) {
	call := "revert " + r.Commit + r.Incident + " " + r.At.Format(time.TimeOnly)
	if r.Propose {
		call += " by pull request"
	}
	return p.act(ctx, call, allow)
}

func (p *pen) Check(_ context.Context, r amend.Record) (amend.Check, error) {
	return amend.Check{After: time.Minute, Probe: "up", OnFailure: amend.Keep}, p.note("check " + r.Commit)
}

func (p *pen) Superseded(_ context.Context, commit string) (amend.Successor, error) {
	return amend.Successor{Commit: other, Reverts: true}, p.note("superseded " + commit)
}

// TakenBack knows of one commit only.
func (p *pen) TakenBack(_ context.Context, commit string) (amend.Record, error) {
	if commit != revert {
		return amend.Record{}, amend.Errorf(amend.NotFound, "find change", "no")
	}
	return p.record, p.note("taken back " + commit)
}

func (p *pen) Trace(commit string) string { return "trace of " + commit }

func (p *pen) Judge(_ context.Context, v amend.Verdict) (amend.Record, error) {
	return p.record, p.note("judge " + v.Commit + " " + string(v.State) + " " + v.Detail)
}

func (p *pen) act(ctx context.Context, call string, allow writerapi.Allow) (amend.Decision, error) {
	d := p.decision
	if d.Acts() || d.Reason == amend.ReasonWithdrawn || d.Reason == amend.ReasonReverted {
		err := allow(ctx, d.Workload.ObjectRef)
		if amend.KindOf(err) == amend.Refused {
			d.Reason, d.Plan, d.Change = amend.ReasonOf(err), nil, nil
			return d, nil
		}
		if err != nil {
			return amend.Decision{}, err
		}
	}
	return d, p.note(call)
}

func (p *pen) Record(_ context.Context, commit string) (amend.Record, writerapi.RecordState, error) {
	return p.record, p.state, p.note("record " + commit)
}

func (p *pen) Change(_ context.Context, commit string) (amend.Record, error) {
	if commit == revert {
		return amend.Record{}, amend.Errorf(amend.NotFound, "find change", "no")
	}
	return p.record, p.note("change " + commit)
}

func (p *pen) Contains(_ context.Context, revision, commit string) (bool, error) {
	return p.contains, p.note("contains " + revision + " " + commit)
}

func (p *pen) Sweep(context.Context) error { return p.note("sweep") }

// A realm stands for the Kubernetes API: the token "of:NAME" is NAME's, and the
// caller may work in the namespaces that are listed for it.
type realm struct {
	mu    sync.Mutex
	may   map[string][]string
	err   error
	asked int
}

func (r *realm) Authenticate(_ context.Context, token string) (writerapi.Caller, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, ok := strings.CutPrefix(token, "of:")
	if r.err != nil {
		return writerapi.Caller{}, r.err
	}
	if !ok {
		return writerapi.Caller{}, amend.Refusef(amend.ReasonForbidden, "the token is not for this service")
	}
	return writerapi.Caller{Name: name, UID: "uid of " + name, Groups: []string{"system:authenticated"}}, nil
}

func (r *realm) Authorize(_ context.Context, c writerapi.Caller, namespace string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.err != nil {
		return false, r.err
	}
	for _, n := range r.may[c.Name] {
		if n == namespace {
			return true, nil
		}
	}
	return false, nil
}

// A site is a server, a client of it, and what stands behind.
type site struct {
	t        *testing.T
	pen      *pen
	realm    *realm
	now      time.Time
	observed []amend.Decision
	url      string
	token    string // the file
	log      strings.Builder
	client   *writerapi.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, pen: &pen{}, realm: &realm{may: map[string][]string{"steps": {"shop"}}}, now: at}
	server, err := writerapi.New(writerapi.Config{
		Repo: "https://git.example.com/acme/env", Decider: s.pen, Ledger: s.pen, Verifier: s.pen, History: s.pen, Authenticator: s.realm, Authorizer: s.realm,
		Unpack: func(packed string) (amend.Event, error) {
			id, ok := strings.CutPrefix(packed, "event ")
			if !ok {
				return amend.Event{}, amend.Errorf(amend.Invalid, "decode event", "not an event")
			}
			return amend.Event{ID: id}, nil
		},
		Observe: func(d amend.Decision) { s.observed = append(s.observed, d) },
		RetryAt: func(error) (time.Time, bool) { return s.now.Add(1500 * time.Millisecond), true },
		Now:     func() time.Time { return s.now }, Log: slog.New(slog.NewTextHandler(&s.log, nil)), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	s.url, s.token = web.URL, filepath.Join(t.TempDir(), "token")
	s.as("steps")
	if s.client, err = writerapi.NewClient(writerapi.ClientConfig{URL: s.url, TokenFile: s.token}); err != nil {
		t.Fatal(err)
	}
	return s
}

// as makes the client call as somebody.
func (s *site) as(name string) {
	s.t.Helper()
	if err := os.WriteFile(s.token, []byte("of:"+name+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// do sends a request by hand and returns the status, the headers and the body.
func (s *site) do(method, path, token, body string) (int, http.Header, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(data)
}

func workload(namespace string) amend.Workload {
	return amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: namespace, Name: "web"}}
}
