package git_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
)

func TestFetchErrors(t *testing.T) {
	const secret = "ghs_verysecret"
	u := newUpstream(t)
	u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	for _, tc := range []struct {
		name   string
		status int
		header map[string]string
		want   amend.Kind
	}{
		{"unauthorized", 401, nil, amend.Refused},
		{"forbidden", 403, nil, amend.Refused},
		{"forbidden by a limit", 403, map[string]string{"Retry-After": "60"}, amend.Transient},
		{"forbidden by the primary limit", 403, map[string]string{"X-RateLimit-Remaining": "0"}, amend.Transient},
		{"not found", 404, nil, amend.NotFound},
		{"moved", 301, map[string]string{"Location": "https://evil.example/x/info/refs"}, amend.Refused},
		{"too many", 429, nil, amend.Transient},
		{"server error", 500, nil, amend.Transient},
		{"bad gateway", 502, nil, amend.Transient},
	} {
		for _, phase := range []string{"/info/refs", "/git-upload-pack"} {
			t.Run(tc.name+phase, func(t *testing.T) {
				cfg := u.config(t)
				cfg.Auth = func(context.Context) (string, string, error) { return "x-access-token", secret, nil }
				m := open(t, cfg)
				deny := func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, phase) {
						return false
					}
					for k, v := range tc.header {
						w.Header().Set(k, v)
					}
					w.WriteHeader(tc.status)
					_, pass, _ := r.BasicAuth()
					fmt.Fprint(w, "you sent ", pass)
					return true
				}
				u.intercept.Store(&deny)
				err := m.Fetch(context.Background())
				wantKind(t, err, tc.want)
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells the secret: %v", err)
				}
				u.intercept.Store(nil)
				fetch(t, m) // and it recovers
				head(t, m, "main")
			})
		}
	}
}

// Whatever is cut off, the branches stay as they were and the next fetch works.
func TestFetchCutOff(t *testing.T) {
	u := newUpstream(t)
	commits := make([]stream, 60)
	for i := range commits {
		commits[i] = stream{branch: "main", files: map[string]string{fmt.Sprintf("f%d", i): fmt.Sprint(i)}}
	}
	u.stream(t, commits...)
	for _, keep := range []int64{0, 4, 8, 40, 400, 1200} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			cfg := u.config(t)
			cut := &cutOff{keep: keep}
			cfg.Transport = cut
			m := open(t, cfg)
			wantKind(t, m.Fetch(context.Background()), amend.Transient)
			_, err := m.Head("main")
			wantKind(t, err, amend.Transient)
			cut.off = true
			fetch(t, m)
			count(t, m, head(t, m, "main"), "", 60)
			if parts, _ := filepath.Glob(filepath.Join(cfg.Dir, "amend-mirror", "objects", "pack", "tmp_*")); len(parts) > 0 {
				t.Errorf("left behind: %v", parts)
			}
		})
	}
}

// cutOff ends the answer with the objects early, without an error, as a proxy may.
type cutOff struct {
	keep int64
	off  bool
}

func (c *cutOff) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && !c.off && strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
		resp.Body = struct {
			*limitedReader
			closer
		}{&limitedReader{resp.Body, c.keep}, resp.Body}
	}
	return resp, err
}

func TestNetworkGone(t *testing.T) {
	u := newUpstream(t)
	u.commit(t, "main", map[string]string{"a.yaml": "one\n"})
	m := open(t, u.config(t))
	fetch(t, m)
	u.Close()
	wantKind(t, m.Fetch(context.Background()), amend.Transient)
	head(t, m, "main") // still warm
}

func TestHangEndsWithContext(t *testing.T) {
	u := newUpstream(t)
	hang := func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	u.intercept.Store(&hang)
	m := open(t, u.config(t))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	wantKind(t, m.Fetch(ctx), amend.Transient)
}
