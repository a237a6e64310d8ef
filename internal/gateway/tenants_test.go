package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/policy"
	"github.com/amendhq/amend/internal/sender"
)

// tenantPolicy takes the namespace of the workload from the credential.
const tenantPolicy = `
apiVersion: amend.dev/v1alpha1
kind: Policy
playbooks:
  - name: restart
    match: ['alertname="A"']
    workload: {kind: Deployment, namespace: {label: amend_tenant}, name: {label: deployment}}
    action: restart
`

// A tenantry is a gateway with a credential of each kind for each tenant.
type tenantry struct {
	*site
	names []string
}

const (
	tenants = 20
	targets = 50
)

func newTenantry(t *testing.T) tenantry {
	t.Helper()
	y := tenantry{}
	y.site = newSite(t, func(c *gateway.Config) {
		c.Tenants = map[string]string{}
		c.Folder = alert.NewFolder(time.Minute, 200_000)
		own := func(kind, tenant string) string {
			file := secretFile(t, kind, kind+"-"+tenant)
			c.Tenants[file] = tenant
			return file
		}
		var grafana, pager sender.Keys
		for n := range tenants {
			tenant := fmt.Sprintf("team-%02d", n)
			y.names = append(y.names, tenant)
			c.Auth.TokenFiles = append(c.Auth.TokenFiles, own("am", tenant))
			c.EventTokenFiles = append(c.EventTokenFiles, own("ce", tenant))
			c.ArgoCDTokenFiles = append(c.ArgoCDTokenFiles, own("cd", tenant))
			grafana, pager = append(grafana, own("grafana", tenant)), append(pager, own("pagerduty", tenant))
		}
		c.Auth.TokenFiles = append(c.Auth.TokenFiles, secretFile(t, "operator", "operator"))
		g, err := sender.NewGrafana(grafana, alert.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		p, err := sender.NewPagerDuty(pager, alert.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		c.Sources = []sender.Source{g, p}
		c.Decisions = decisions{}
	})
	return y
}

// claims are alerts about every target of every tenant.
func (y tenantry) claims() []string {
	var all []string
	for _, owner := range y.names {
		for n := range targets {
			all = append(all, one(fmt.Sprintf(`,"namespace":%q,"deployment":"app-%d"`, owner, n)))
		}
	}
	return all
}

func bearer(path, token, body string) recorded {
	return recorded{path, http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}, body}
}

// TestTenantsOfSenders: each of 20 tenants claims, through every source, to speak
// for all 50 targets of each. The label that says whose an alert is comes from the
// credential alone, no alert folds another tenant's, and a playbook that takes the
// namespace from it stays within the tenant.
func TestTenantsOfSenders(t *testing.T) {
	y := newTenantry(t)
	claims := y.claims()
	for _, tenant := range y.names {
		body := `{"version":"1","alerts":[` + strings.Join(claims, ",") + `]}`
		stamp := strconv.FormatInt(at.Unix(), 10)
		signed := recorded{"/v1/grafana", http.Header{}, body}
		signed.header.Set(sender.GrafanaTimestamp, stamp)
		signed.header.Set(sender.GrafanaSignature, sum("grafana-"+tenant, stamp+":"+body))
		want := fmt.Sprintf(`{"accepted":%d,"folded":0,"rejected":[]}`, len(claims))
		for _, post := range []recorded{bearer("/v1/alertmanager", "am-"+tenant, group(claims...)), signed, bearer("/v1/argocd", "cd-"+tenant, group(claims...))} {
			w := post.send(y.site)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
				t.Fatalf("%s to %s: %d %.200s", tenant, post.path, w.Code, w.Body)
			}
			want = fmt.Sprintf(`"folded":%d`, len(claims)) // the same trouble by another way
		}
	}
	p, err := policy.Parse(policy.Path, []byte(tenantPolicy), policy.Catalogue{{Name: "restart", Kinds: []string{"Deployment"}}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, e := range y.store.events {
		tenant := y.names[i/len(claims)]
		_, request, ok, err := p.Choose(e, at)
		if err != nil || !ok {
			t.Fatalf("%v: %v, %v", e.Alert.Labels, ok, err)
		}
		if got := request.Workload.Namespace; got != tenant || e.Alert.Labels[amend.TenantLabel] != tenant {
			t.Fatalf("%s asked about %s: %v", tenant, got, e.Alert.Labels)
		}
		seen[e.Identity]++
	}
	if want := tenants * tenants * targets; len(seen) != want {
		t.Errorf("%d identities, want %d", len(seen), want)
	}
	for n, tenant := range y.names {
		post := pagerPost(at, "E"+strconv.Itoa(n))
		post.header.Set(sender.PagerDutySignature, "v1="+sum("pagerduty-"+tenant, post.body))
		w := post.send(y.site)
		last := y.store.events[len(y.store.events)-1].Alert.Labels
		if w.Code != http.StatusOK || last["alertname"] != "incident E"+strconv.Itoa(n) || last[amend.TenantLabel] != tenant {
			t.Errorf("pagerduty: %d, %v; want one of %s", w.Code, last, tenant)
		}
	}
}

// TestTenantIsNotTheSendersToSay, by any source, and who is of no tenant gets no
// label.
func TestTenantIsNotTheSendersToSay(t *testing.T) {
	y := newTenantry(t)
	forged := `,"amend_tenant":"team-01"`
	for _, post := range []recorded{
		bearer("/v1/alertmanager", "am-team-00", group(one(forged), one(`,"deployment":"web"`))),
		bearer("/v1/alertmanager", "operator", group(one(forged), one(`,"deployment":"api"`))),
	} {
		if w := post.send(y.site); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"accepted":1,"folded":0,"rejected":[{"index":0,"reason":"the label amend_tenant is set by the gateway alone"}]`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	got := map[string]string{}
	for _, e := range y.store.events {
		got[e.Alert.Labels["deployment"]] = e.Alert.Labels[amend.TenantLabel]
	}
	if diff := cmp.Diff(map[string]string{"web": "team-00", "api": ""}, got); diff != "" {
		t.Error(diff)
	}
	ce := ourEvent(t)
	if err := ce.SetData("application/json", amend.Alert{Status: amend.Firing, StartsAt: at, Labels: map[string]string{"alertname": "A", "amend_tenant": "team-01"}}); err != nil {
		t.Fatal(err)
	}
	r := eventRequest(t, ce, true)
	r.Header.Set("Authorization", "Bearer ce-team-00")
	if w := y.do(r); w.Code != http.StatusBadRequest {
		t.Errorf("a CloudEvent: %d %s", w.Code, w.Body)
	}
}

// TestTenantsOnlySendAlerts: what others were told, and what Sensors say, is not for
// a tenant.
func TestTenantsOnlySendAlerts(t *testing.T) {
	y := newTenantry(t)
	page := y.Guard(http.NotFoundHandler())
	for token, want := range map[string][3]int{"am-team-00": {403, 403, 403}, "operator": {200, 204, 404}, "ce-team-00": {401, 401, 401}} {
		ask := func(h http.Handler, method, path, body string) int {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		got := [3]int{ask(y, "GET", "/v1/decisions", ""), ask(y, "POST", "/v1/undelivered", `{"id":"x"}`), ask(page, "GET", "/", "")}
		if got != want {
			t.Errorf("%s: %v, want %v", token, got, want)
		}
	}
}
