package scenario

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// runs is how often each figure is taken, each time on another Deployment of
// the env repo; the middle one counts.
const runs = 11

// poll is how often Argo CD looks at Git when nobody tells it to.
const poll = 180 * time.Second

// speed measures from an event to the commit and from there to the cluster,
// next to what a pod takes to start and to a Workflow with a pod for each step.
func speed(t *testing.T, w *world) {
	w.controlNamespace(t)
	bell := newBell(t, w.site.Address, nil)
	var start, commit, sync, fourth, sixth []time.Duration
	for i := range runs {
		name := fmt.Sprintf("speed%d", i)
		chance()
		start = append(start, w.control(t, bell, "start-"+name, 1)[0])
		chance()
		c, s := w.timeOne(t, name)
		commit, sync = append(commit, c), append(sync, s)
	}
	steps := w.control(t, bell, "six", 6)
	fourth, sixth = append(fourth, steps[3]), append(sixth, steps[5])

	t.Logf("one pod, created to running        %s", all(start))
	t.Logf("event to commit                    %s", all(commit))
	t.Logf("the same with a pod a step         %s to the fourth step of six, where a commit would be; %s to the sixth", all(fourth), all(sixth))
	t.Logf("commit to Synced and Healthy at it %s", all(sync))
	t.Logf("event to commit: %.1f s more than one pod; %.1f times faster than four pods, %.1f times than six",
		(middle(commit) - middle(start)).Seconds(), ratio(fourth, commit), ratio(sixth, commit))
	t.Logf("commit to synced: %.0f times faster than the poll of %s", poll.Seconds()/middle(sync).Seconds(), poll)
	if over := middle(commit) - middle(start); over > time.Second {
		t.Errorf("an event takes %s more than one pod to become a commit, want at most 1 s", over)
	}
	if r := ratio(sixth, commit); r < 5 {
		t.Errorf("a pod a step is %.1f times slower, want 5", r)
	}
	if middle(sync) > poll/10 {
		t.Errorf("synced %s after the commit, want a tenth of %s", middle(sync), poll)
	}
}

// chance waits up to a second. The kubelet looks once a second for containers
// that have ended, and a pod waits for that between its init container and the
// others; without chance, every run of a figure would meet it at the same moment.
func chance() { time.Sleep(rand.N(time.Second)) }

// timeOne takes the time of one alert about a Deployment without pods.
func (w *world) timeOne(t *testing.T, deployment string) (commit, sync time.Duration) {
	t.Helper()
	head := w.env.git(t, "ls-remote", "origin", "refs/heads/main")
	began := time.Now()
	// The gateway answers when the EventSource has the event on the bus.
	w.post(t, alertFor("Speed", "shop", deployment, nil))
	for {
		if now := w.env.git(t, "ls-remote", "origin", "refs/heads/main"); now != head {
			head = strings.Fields(now)[0]
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal("no commit within a minute")
		}
		time.Sleep(20 * time.Millisecond)
	}
	committed := time.Now()
	w.synced(t, "shop", head)
	sync = time.Since(committed)
	// The commit of the record is not to be taken for that of the next alert.
	w.env.recorded(t, w.env.changes(t, "speed")[0].incident)
	return committed.Sub(began), sync
}

func middle(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}

func ratio(slow, fast []time.Duration) float64 {
	return middle(slow).Seconds() / middle(fast).Seconds()
}

func all(d []time.Duration) string {
	var words []string
	for _, one := range d {
		words = append(words, fmt.Sprintf("%.1f s", one.Seconds()))
	}
	return strings.Join(words, ", ")
}
