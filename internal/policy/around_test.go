package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

// around is an env repo of 10 Applications, of which 4 deploy into the namespace
// with its 5 workloads and 20 replicas. The Application of a workload has its
// name, but that of web-canary, which is web.
func around() policy.Around {
	a := policy.Around{Fleet: policy.Fleet{Applications: 10, InNamespace: 4, Workloads: 5, Replicas: 20}, Reach: map[string]policy.Reach{}}
	for _, namespace := range []string{"shop", "pay"} {
		for _, name := range []string{"web", "web-canary", "api", "db", "cache"} {
			application, _, _ := strings.Cut(name, "-")
			a.Reach["Deployment/"+namespace+"/"+name] = policy.Reach{Applications: []string{namespace + "-" + application}, Replicas: 4}
		}
	}
	return a
}

func TestBlastRadius(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	for _, c := range []struct {
		name, radius string
		records      []amend.Record
		until        time.Duration // after noon; 0 allows
	}{
		{"nothing was changed", "{of: applications, share: 1%, within: 1h}", nil, 0},
		{"within the share", "{of: applications, share: 20%, within: 1h}", []amend.Record{made("x", "shop", "api", 1, ago(1))}, 0},
		{"above the share", "{of: applications, share: 20%, within: 1h}",
			[]amend.Record{made("x", "shop", "api", 1, ago(10*time.Minute)), made("x", "pay", "db", 1, ago(1))}, 50 * time.Minute},
		{"the share is rounded down", "{of: applications, share: 29%, within: 1h}",
			[]amend.Record{made("x", "shop", "api", 1, ago(10*time.Minute)), made("x", "pay", "db", 1, ago(1))}, 50 * time.Minute},
		{"one is always allowed, the second is not", "{of: applications, share: 1%, within: 1h}", []amend.Record{made("x", "shop", "api", 1, ago(time.Minute))}, 59 * time.Minute},
		{"the same application again", "{of: applications, share: 1%, within: 1h}", []amend.Record{made("x", "shop", "web-canary", 1, ago(1))}, 0},
		{"too long ago", "{of: applications, share: 1%, within: 1h}", []amend.Record{made("x", "shop", "api", 1, ago(time.Hour))}, 0},
		{"no application is known", "{of: applications, share: 10%, within: 1h}", []amend.Record{made("x", "shop", "unknown", 1, ago(0))}, time.Hour},
		{"a pull request that tells no workload", "{of: applications, share: 10%, within: 1h}", []amend.Record{{Incident: "x-1", Episode: 1, At: noon}}, time.Hour},
		{"applications of the namespace", "{of: applications, share: 50%, within: 1h, per: namespace}",
			[]amend.Record{made("x", "shop", "api", 1, noon), made("x", "shop", "db", 1, ago(1))}, time.Hour - 1},
		{"applications of another namespace", "{of: applications, share: 25%, within: 1h, per: namespace}", []amend.Record{made("x", "pay", "api", 1, noon)}, 0},
		{"workloads", "{of: workloads, share: 40%, within: 1h}", []amend.Record{made("x", "shop", "web-canary", 1, noon)}, 0},
		{"too many workloads", "{of: workloads, share: 40%, within: 1h}",
			[]amend.Record{made("x", "shop", "web-canary", 1, noon), made("x", "shop", "db", 1, ago(time.Minute))}, 59 * time.Minute},
		{"workloads of another namespace", "{of: workloads, share: 1%, within: 1h}", []amend.Record{made("x", "pay", "db", 1, noon)}, 0},
		{"replicas", "{of: replicas, share: 40%, within: 1h}", []amend.Record{made("x", "shop", "api", 1, noon)}, 0},
		{"too many replicas", "{of: replicas, share: 39%, within: 1h}", []amend.Record{made("x", "shop", "api", 1, noon)}, time.Hour},
		{"until enough have left", "{of: replicas, share: 40%, within: 1h}",
			[]amend.Record{made("x", "shop", "api", 1, ago(30*time.Minute)), made("x", "shop", "db", 1, ago(20*time.Minute)), made("x", "shop", "cache", 1, ago(10*time.Minute))}, 40 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := ask(t, parse(t, "budgets: []\nblastRadius: ["+c.radius+"]\n", ""), "shop", "web", noon, noon)
			in.Records = c.records
			reason, why := policy.Confine(in, around())
			switch {
			case c.until == 0 && reason != amend.ReasonAct:
				t.Errorf("%s: %s", reason, why)
			case c.until > 0 && (reason != amend.ReasonBlastRadius || !strings.Contains(why, noon.Add(c.until).UTC().Format(time.RFC3339))):
				t.Errorf("%s: %s; want it until %s", reason, why, noon.Add(c.until))
			}
			in.Request.Mode = amend.Suggest
			if reason, why := policy.Confine(in, around()); reason != amend.ReasonAct {
				t.Errorf("a suggestion: %s: %s", reason, why)
			}
			if p := in.Policy; p.Memory() < time.Hour {
				t.Errorf("the radius looks back an hour, and the memory is %s", p.Memory())
			}
		})
	}
}

// TestBlastRadiusHolds: whatever is asked for and when, no window has more of the
// fleet changed than its share, but for one change.
func TestBlastRadiusHolds(t *testing.T) {
	const within = time.Hour
	rapid.Check(t, func(rt *rapid.T) {
		of := rapid.SampledFrom([]string{"applications", "workloads", "replicas"}).Draw(rt, "of")
		share := rapid.IntRange(1, 100).Draw(rt, "share")
		total := rapid.IntRange(0, 30).Draw(rt, "total")
		p := parse(t, fmt.Sprintf("defaults: {breaker: {changes: 1000, within: 1h}}\nbudgets: []\nblastRadius: [{of: %s, share: %d%%, within: 1h}]\n", of, share), "")
		a := policy.Around{Fleet: policy.Fleet{Applications: total, Workloads: total, Replicas: total}, Reach: map[string]policy.Reach{}}
		weight := map[string]int{}
		for n := range 12 {
			target := fmt.Sprintf("Deployment/shop/w%d", n)
			replicas := rapid.IntRange(1, 4).Draw(rt, "replicas")
			a.Reach[target] = policy.Reach{Applications: []string{fmt.Sprint("app", n)}, Replicas: replicas}
			if weight[target] = 1; of == "replicas" {
				weight[target] = replicas
			}
		}
		var records []amend.Record
		now := noon
		for n := range 60 {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "minutes")) * time.Minute)
			name := fmt.Sprintf("w%d", rapid.IntRange(0, 11).Draw(rt, "workload"))
			in := ask(t, p, "shop", name, now, now)
			in.Records = records
			if reason, _ := policy.Confine(in, a); reason == amend.ReasonAct {
				records = append(records, made("x", "shop", name, n+1, now))
			}
		}
		for i, last := range records {
			changed, sum := map[string]bool{}, 0
			for _, r := range records[:i+1] {
				if r.At.After(last.At.Add(-within)) && !changed[r.Target] {
					changed[r.Target], sum = true, sum+weight[r.Target]
				}
			}
			if len(changed) > 1 && sum > total*share/100 {
				rt.Fatalf("%d of %d %s were changed in the hour up to %s, which is more than %d%%", sum, total, of, last.At, share)
			}
		}
		if len(records) == 0 {
			rt.Fatal("nothing was ever changed")
		}
	})
}

func TestSyncWindows(t *testing.T) {
	const day, night = "0 8 * * *", "0 22 * * *" // noon is within 10 hours of the one only
	window := func(kind, schedule, duration, zone string) policy.SyncWindow {
		return policy.SyncWindow{Kind: kind, Schedule: schedule, Duration: duration, TimeZone: zone}
	}
	at := func(hour int) string { return time.Date(2025, 3, 1, hour, 0, 0, 0, time.UTC).Format(time.RFC3339) }
	for _, c := range []struct {
		name    string
		windows []policy.SyncWindow
		why     string // "" allows
	}{
		{"a window that denies is open", []policy.SyncWindow{window("deny", day, "10h", "")}, `deny "0 8 * * *" for 10h of the AppProject shop keeps Argo CD from syncing the application web until ` + at(18)},
		{"a window that denies is over", []policy.SyncWindow{window("deny", day, "4h", "")}, ""},
		{"a window that denies opens now", []policy.SyncWindow{window("deny", "0 12 * * *", "1h", "")}, ""},
		{"a window that allows is open", []policy.SyncWindow{window("allow", day, "5h", "")}, ""},
		{"a window that allows is closed", []policy.SyncWindow{window("allow", night, "5h", "")}, `in its sync windows only, and the next one, allow "0 22 * * *" for 5h, opens at ` + at(22)},
		{"one of two that allow is open", []policy.SyncWindow{window("allow", night, "5h", ""), window("allow", day, "5h", "")}, ""},
		{"the next of two that allow", []policy.SyncWindow{window("allow", night, "5h", ""), window("allow", "0 20 * * *", "1h", "")}, "opens at " + at(20)},
		{"deny comes before allow", []policy.SyncWindow{window("allow", day, "5h", ""), window("deny", day, "5h", "")}, "until " + at(13)},
		{"closed deny beside closed allow", []policy.SyncWindow{window("deny", night, "1h", ""), window("allow", night, "2h", "")}, "opens at " + at(22)},
		{"the later end of two", []policy.SyncWindow{window("deny", day, "5h", ""), window("deny", day, "9h", "")}, "until " + at(17)},
		{"windows that overlap are one", []policy.SyncWindow{window("deny", "0 8,11,14 * * *", "4h", "")}, "until " + at(15)},
		{"in a zone", []policy.SyncWindow{window("deny", day, "4h", "America/New_York")}, ""},
		{"open in a zone", []policy.SyncWindow{window("deny", "0 6 * * *", "4h", "America/New_York")}, "(America/New_York) of the AppProject shop keeps Argo CD from syncing the application web until " + at(15)},
		{"an unknown zone is UTC", []policy.SyncWindow{window("deny", day, "10h", "Mars/Olympus")}, "until " + at(18)},
		{"no schedule", []policy.SyncWindow{window("allow", day, "10h", ""), window("deny", "@daily", "1h", "")}, "cannot read the sync window"},
		{"no duration", []policy.SyncWindow{window("deny", day, "7d", "")}, "cannot read the sync window"},
		{"never", []policy.SyncWindow{window("deny", "0 0 31 2 *", "1h", "")}, "never comes"},
		{"an unknown kind", []policy.SyncWindow{window("postpone", day, "10h", "")}, ""},
		{"always", []policy.SyncWindow{window("deny", "* * * * *", "8760h", "")}, "keeps Argo CD from syncing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := ask(t, parse(t, "", ""), "shop", "web", noon, noon)
			a := policy.Around{Projects: []policy.Project{{Name: "other", Application: "web"}, {Name: "shop", Application: "web", Windows: c.windows}}}
			want := amend.ReasonAct
			if c.why != "" {
				want = amend.ReasonFrozen
			}
			if reason, why := policy.Confine(in, a); reason != want || !strings.Contains(why, c.why) {
				t.Errorf("%s: %s; want %s with %q", reason, why, want, c.why)
			}
			in.Policy.SyncWindows = "ignore"
			if reason, why := policy.Confine(in, a); reason != amend.ReasonAct {
				t.Errorf("ignored: %s: %s", reason, why)
			}
		})
	}
}
