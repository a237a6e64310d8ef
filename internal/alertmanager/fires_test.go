package alertmanager_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alertmanager"
)

func TestFires(t *testing.T) {
	const (
		web  = `{"labels":{"alertname":"WebDown"},"status":{"state":"active"}}`
		mute = `{"labels":{"alertname":"WebDown"},"status":{"state":"suppressed"}}`
		new  = `{"labels":{"alertname":"WebDown"},"status":{"state":"unprocessed"}}`
		api  = `{"labels":{"alertname":"ApiDown"},"status":{"state":"active"}}`
	)
	meant := func(a amend.Alert) bool { return a.Name() == "WebDown" && a.Status == amend.Firing }
	for name, c := range map[string]struct {
		servers []string // what each answers; "" is down
		young   int      // how many of the first ones have just started
		fires   bool
		fails   bool
	}{
		"firing":                    {servers: []string{"[" + api + "," + web + "]"}, fires: true},
		"silenced or inhibited":     {servers: []string{"[" + mute + "]"}, fires: true},
		"just arrived":              {servers: []string{"[" + new + "]"}, fires: true},
		"gone":                      {servers: []string{"[" + api + "]"}},
		"one of two knows":          {servers: []string{"[]", "[" + web + "]"}, fires: true},
		"one is down, one knows":    {servers: []string{"", "[" + web + "]"}, fires: true},
		"one is down, one does not": {servers: []string{"", "[]"}},
		"just started":              {servers: []string{"[]"}, young: 1, fails: true},
		"just started, and knows":   {servers: []string{"[" + web + "]"}, young: 1, fires: true},
		"one of two just started":   {servers: []string{"[]", "[]"}, young: 1},
		"started anew, one by one":  {servers: []string{"[]", ""}, young: 1, fails: true},
		"all are down":              {servers: []string{"", ""}, fails: true},
		"nobody to ask":             {fails: true},
	} {
		var clients []*alertmanager.Client
		for i, body := range c.servers {
			client, err := alertmanager.NewClient(serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/v2/status" {
					up := 3 * time.Minute
					if i < c.young {
						up = 2 * time.Minute
					}
					fmt.Fprintf(w, `{"cluster":{"status":"ready"},"uptime":%q}`, time.Now().Add(-up-time.Second).Format(time.RFC3339Nano))
					return
				}
				if q := r.URL.Query(); body == "" || q.Get("silenced") != "true" || q.Get("inhibited") != "true" || q.Has("receiver") {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				fmt.Fprint(w, body)
			}), alertmanager.Auth{})
			if err != nil {
				t.Fatal(err)
			}
			clients = append(clients, client)
		}
		fires, err := alertmanager.Fires(t.Context(), clients, meant)
		if fires != c.fires || (err != nil) != c.fails || c.fails && amend.KindOf(err) != amend.Transient {
			t.Errorf("%s: %v, %v", name, fires, err)
		}
	}
}
