package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/gateway"
)

// A cluster knows the accounts of some tokens.
type cluster struct {
	accounts map[string]string
	down     error
	asked    int
}

func (c *cluster) Account(_ context.Context, token string) (string, error) {
	c.asked++
	if c.down != nil {
		return "", c.down
	}
	if name := c.accounts[token]; name != "" {
		return name, nil
	}
	return "", amend.Refusef(amend.ReasonForbidden, "unknown")
}

const trigger = "system:serviceaccount:shop:amend-alerts-oidc"

func newCluster() *cluster {
	return &cluster{accounts: map[string]string{"e.y.trigger": trigger, "e.y.other": "system:serviceaccount:shop:default"}}
}

func withAccounts(t *testing.T, k *cluster, now func() time.Time) func(*gateway.Config) {
	return func(c *gateway.Config) {
		c.Auth = gateway.Auth{TokenFiles: []string{secretFile(t, "am", "am")}}
		c.EventAccounts = gateway.NewAccounts(k, []string{trigger}, now)
		c.Tenants = map[string]string{trigger: "shop"}
	}
}

// TestTriggersOfKnative sends an event as Knative's dispatcher does: in binary mode,
// with the token of the trigger's account.
func TestTriggersOfKnative(t *testing.T) {
	for token, want := range map[string]int{"e.y.trigger": 200, "am": 200, "e.y.other": 401, "e.y.unknown": 401, "": 401, "x": 401} {
		s := newSite(t, withAccounts(t, newCluster(), nil))
		r := eventRequest(t, ourEvent(t), false)
		r.Header.Set("Authorization", "Bearer "+token)
		if w := s.do(r); w.Code != want || (len(s.store.events) == 1) != (want == 200) {
			t.Errorf("%s: %d %s, want %d", token, w.Code, w.Body, want)
		}
		if token == "e.y.trigger" && s.store.events[0].Alert.Labels[amend.TenantLabel] != "shop" {
			t.Errorf("of tenant %v", s.store.events[0].Alert.Labels)
		}
	}
	// The account is good for CloudEvents alone.
	s := newSite(t, withAccounts(t, newCluster(), nil))
	if w := bearer("/v1/alertmanager", "e.y.trigger", group(one(""))).send(s); w.Code != http.StatusUnauthorized {
		t.Errorf("alertmanager: %d", w.Code)
	}
}

// TestReviewsAreFew: a yes is remembered for a minute, a no never, what is no token
// is not asked about, and strangers are not asked about without end.
func TestReviewsAreFew(t *testing.T) {
	now, k := at, newCluster()
	s := newSite(t, withAccounts(t, k, func() time.Time { return now }))
	send := func(token string) int {
		r := eventRequest(t, ourEvent(t), true)
		r.Header.Set("Authorization", "Bearer "+token)
		return s.do(r).Code
	}
	for range 20 {
		send("e.y.trigger")
	}
	if k.asked != 1 {
		t.Errorf("asked %d times about the same token", k.asked)
	}
	k.accounts = nil // the trigger was deleted
	if now = now.Add(59 * time.Second); send("e.y.trigger") != http.StatusOK {
		t.Error("forgotten within a minute")
	}
	if now = now.Add(2 * time.Second); send("e.y.trigger") != http.StatusUnauthorized {
		t.Error("remembered for more than a minute")
	}
	for _, token := range []string{"x", "a.b", "a.b.c.d", strings.Repeat("x", 9000) + ".y.z"} {
		before := k.asked
		if code := send(token); code != http.StatusUnauthorized || k.asked != before {
			t.Errorf("%.20s: %d, asked %v", token, code, k.asked != before)
		}
	}
	before, unavailable := k.asked, 0
	for n := range 1000 {
		if send(fmt.Sprintf("a.b.%d", n)) == http.StatusServiceUnavailable {
			unavailable++
		}
	}
	if asked := k.asked - before; asked > 50 || asked+unavailable != 1000 {
		t.Errorf("asked %d times, %d times not", asked, unavailable)
	}
}

// TestClusterThatIsAway: nobody can say that a token is wrong.
func TestClusterThatIsAway(t *testing.T) {
	k := newCluster()
	k.down = errors.New("connection refused")
	s := newSite(t, withAccounts(t, k, nil))
	r := eventRequest(t, ourEvent(t), true)
	r.Header.Set("Authorization", "Bearer e.y.trigger")
	if w := s.do(r); w.Code != http.StatusServiceUnavailable || strings.Contains(s.log.String(), "e.y.trigger") {
		t.Errorf("%d\n%s", w.Code, s.log)
	}
}

// TestTriggerOfThePage: the trigger that docs/sources.md shows passes on what the
// gateway takes, to where it takes it.
func TestTriggerOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(page), "```yaml\napiVersion: eventing.knative.dev/v1\nkind: Trigger\n")
	block, _, _ = strings.Cut(block, "```")
	var shown struct {
		Metadata struct{ Name, Namespace string }
		Spec     struct {
			Broker  string
			Filters []struct {
				Any []struct{ Exact map[string]string }
			}
			Subscriber struct{ URI, Audience string }
		}
	}
	if err := yaml.UnmarshalStrict([]byte(block), &shown); err != nil || !found {
		t.Fatalf("no trigger on the page: %v", err)
	}
	var types []string
	for _, f := range shown.Spec.Filters {
		for _, e := range f.Any {
			types = append(types, e.Exact["type"])
		}
	}
	if got := strings.Join(types, " "); got != alert.TypeFiring+" "+alert.TypeResolved {
		t.Errorf("it passes on %q", got)
	}
	if s := shown.Spec.Subscriber; s.URI != "http://amend-gateway.amend.svc:8080/v1/events" || s.Audience != "amend-gateway" {
		t.Errorf("it posts to %+v", s)
	}
}
