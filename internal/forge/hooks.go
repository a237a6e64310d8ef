package forge

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

// deliveryTimeout is how long GitHub waits for the receiver of a webhook.
const deliveryTimeout = 10 * time.Second

// A Webhook is where pull_request events of every repository go: opened,
// synchronize, closed and reopened. As on GitHub each is sent at most once, and
// none waits for another, so they may arrive in another order. A redirection is
// a failure, and a failure is only logged. The zero value sends nothing.
type Webhook struct {
	URL    string // http or https, without a password
	Secret []byte // signs the body; without one there is no signature
}

func (w Webhook) check() error {
	if w.URL == "" {
		return nil
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return amend.Errorf(amend.Invalid, "open forge", "the webhook's address is not http[s]://HOST/PATH without a password")
	}
	return nil
}

// hooks delivers webhooks.
type hooks struct {
	to      Webhook
	client  *http.Client
	log     *slog.Logger
	stopped chan struct{} // closed when deliveries are to be given up

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
}

func newHooks(to Webhook, log *slog.Logger) *hooks {
	return &hooks{
		to: to, log: log, stopped: make(chan struct{}),
		client: &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// close gives up what is under way and waits for it.
func (h *hooks) close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.stopped)
	}
	h.mu.Unlock()
	h.work.Wait()
}

// start sends one webhook in the background. It outlives the call that it is
// about, whose context therefore ends nothing.
func (h *hooks) start(ctx context.Context, event string, body []byte, repo *repository) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveryTimeout)
		defer cancel()
		go func() {
			select {
			case <-h.stopped:
				cancel()
			case <-ctx.Done():
			}
		}()
		if err := h.deliver(ctx, event, body, repo); err != nil {
			h.log.Warn("a webhook was not delivered", "event", event, "repository", repo.fullName(), "error", err)
		}
	})
}

func (h *hooks) deliver(ctx context.Context, event string, body []byte, repo *repository) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.to.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "GitHub-Hookshot/forge")
	req.Header.Set("X-GitHub-Delivery", newUUID())
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("X-GitHub-Hook-ID", strconv.FormatInt(stableID(h.to.URL), 10))
	req.Header.Set("X-GitHub-Hook-Installation-Target-ID", strconv.FormatInt(repo.id(), 10))
	req.Header.Set("X-GitHub-Hook-Installation-Target-Type", "repository")
	if len(h.to.Secret) > 0 {
		mac := hmac.New(sha256.New, h.to.Secret)
		mac.Write(body)
		req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	res, err := h.client.Do(req)
	if err != nil {
		return err
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		err = fmt.Errorf("the receiver answers %s", res.Status)
	}
	_ = res.Body.Close() // what else it says does not matter
	return err
}

// newUUID returns a random UUID, version 4 of RFC 9562.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// A pullEvent is the body of the pull_request webhook.
type pullEvent struct {
	Action      string   `json:"action"`
	Number      int      `json:"number"`
	Before      store.ID `json:"before,omitempty"`
	After       store.ID `json:"after,omitempty"`
	PullRequest linked   `json:"pull_request"`
	Repository  linked   `json:"repository"`
	Sender      linked   `json:"sender"`
}

// refresh brings the open pull requests up to date after the call moved a
// branch, as GitHub does, rather than when somebody asks for them.
func (s *Server) refresh(c call) {
	if _, err := c.repo.listed(c.Context(), s.cfg.Now().UTC()); err != nil {
		s.cfg.Log.Error("pull requests are not up to date", "repository", c.repo.fullName(), "error", err)
	}
}

// announce sends a webhook for everything that the call made happen.
func (s *Server) announce(c call) {
	for _, n := range c.repo.pulls.takeNews() {
		if s.hooks.to.URL == "" {
			continue
		}
		body, err := c.pullEvent(n)
		if err != nil {
			s.cfg.Log.Error("a webhook cannot be made", "repository", c.repo.fullName(), "number", n.pull.Number, "error", err)
			continue
		}
		s.hooks.start(c.Context(), "pull_request", body, c.repo)
	}
}

func (c call) pullEvent(n news) ([]byte, error) {
	pull, err := c.pullDetailDoc(n.pull)
	if err != nil {
		return nil, err
	}
	repo, err := c.repoDoc()
	if err != nil {
		return nil, err
	}
	e := pullEvent{Action: n.action, Number: n.pull.Number, PullRequest: pull, Repository: repo, Sender: c.userDoc(login(c.who))}
	if n.before != "" {
		e.Before, e.After = n.before, n.pull.HeadSHA
	}
	return json.Marshal(e)
}
