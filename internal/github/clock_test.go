package github_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend/internal/github"
)

// A client goes by the clock of its host, and its time does not jump with every
// answer.
func TestTimeOfTheHost(t *testing.T) {
	for name, tc := range map[string]struct {
		header map[string]string
		status int
		want   time.Duration
	}{
		"ahead":       {map[string]string{"Date": "10m"}, 200, 10 * time.Minute},
		"behind":      {map[string]string{"Date": "-10m"}, 200, -10 * time.Minute},
		"a refusal":   {map[string]string{"Date": "10m"}, 403, 10 * time.Minute},
		"nearly":      {map[string]string{"Date": "2s"}, 200, 0},
		"none":        {nil, 200, 0},
		"no date":     {map[string]string{"Date": "now"}, 200, 0},
		"of a cache":  {map[string]string{"Date": "-10m", "Age": "600"}, 200, 0},
		"of somebody": {map[string]string{"Date": "10m"}, 502, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var steps []exchange
				for range 3 {
					header := map[string]string{}
					for k, v := range tc.header {
						header[k] = v
					}
					if d, err := time.ParseDuration(header["Date"]); err == nil {
						header["Date"] = date(d)
					}
					steps = append(steps, exchange{want: getRef, status: tc.status, header: header, answer: ref("b", sha1)})
				}
				c := client(t, newScript(t, steps...), func(c *github.Config) { c.RetryFor = -1 })
				if got := time.Until(c.Now()); got != 0 {
					t.Errorf("before the first answer the time is off by %s", got)
				}
				var first time.Duration
				for i := range steps {
					_, _ = c.Head(ctx, "b")
					ahead := time.Until(c.Now())
					if i == 0 {
						first = ahead
					}
					if off := (ahead - tc.want).Abs(); off > time.Second || ahead != first {
						t.Errorf("after answer %d the host is %s ahead, want %s", i+1, ahead, tc.want)
					}
				}
			})
		})
	}
}
