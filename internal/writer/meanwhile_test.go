package writer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// What a person writes into the body while others are looked after stays.
func TestBodyKeepsWhatAPersonWritesMeanwhile(t *testing.T) {
	onKept(t, &keeper{}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		e.Time = e.Time.Add(time.Second)
		b.wantReasons(b.again(e), amend.ReasonDuplicate)
		listed := false
		b.hub.fault = func(call string) (error, error) {
			if call == "list open pulls" {
				listed = true
			} else if call == "head" && listed {
				listed = false
				p.Body = "I look at this on Monday.\n\n" + p.Body
			}
			return nil, nil
		}
		b.later()
		if !strings.HasPrefix(p.Body, "I look at this on Monday.") || !strings.Contains(p.Body, "deliveries=2 ") {
			t.Errorf("the body is\n%s", p.Body)
		}
	})
}

// When a pull request has its label and could not be closed, nobody has opened it
// again.
func TestClosingIsTriedAgain(t *testing.T) {
	onKept(t, &keeper{rules: pipeline.PullRules{StaleAfter: time.Hour}}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		b.hub.fault = func(call string) (error, error) {
			if call == "close pull" && !p.Reopened {
				p.Reopened = true // as it reads with the label
				return amend.Errorf(amend.Transient, call, "rate limited"), nil
			}
			return nil, nil
		}
		time.Sleep(2 * time.Hour)
		b.later()
		b.later()
		if p.State != amend.EpisodeStale {
			t.Errorf("it is %s", p.State)
		}
	})
}
