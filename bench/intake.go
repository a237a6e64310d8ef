package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend/bench/report"
)

// gatewayMemory is the most that amend-gateway is to hold.
const gatewayMemory = 64 << 20

// judgedClients is how many clients post at once in the cells that have an aim.
const judgedClients = 64

// intakeAims holds how many times as many alerts amend is to take as the
// EventSource, by the round trip to the bus.
var intakeAims = map[time.Duration]float64{0: 3, 2 * time.Millisecond: 10}

// benchIntake measures how fast alerts are taken in.
func benchIntake(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Taking alerts in"
	s.Text = `Clients post one alert each time, each another one, and send the next when the answer says
that the last is stored. Three ways and two ceilings, in turns:

* *EventSource*: the program of Argo Events 1.9.10, "eventsource-service", with the webhook
  EventSource of sensors/, unchanged and without Kubernetes. Its bus is a NATS server with
  JetStream on disk, one instead of the three of an installation, reached through a proxy
  that adds the round trip. It does not sync each event to disk.
* *amend-gateway*: the program in front of that same EventSource, as it is installed on
  Argo. It folds repeats; of alerts that are all different the EventSource gets every one.
* *amend serve*: the standalone program. Its bus is in the process, so there is no round
  trip to it. An answer means that the alert is synced to disk. It decides at the same time,
  on the same cores, on each of these alerts, about which there is no playbook.

*The ceilings* say what these clients can get on this machine at all: a server in Go that
reads each post and answers 200, and the same when it first appends the post to a file and
syncs that, one sync for all that have come meanwhile. Neither looks at what it got.

The clients run on the same cores. After each round every accepted alert has to be on the
bus, or decided, exactly once. CPU time is that of all programs of a side.`
	rtts := []time.Duration{0, 2 * time.Millisecond}
	plot := report.Plot{Title: "Alerts taken in with 64 clients, by the round trip to the bus", X: "round trip + 0.1 ms", Y: "alerts/s"}
	for i, rtt := range rtts {
		if err := b.intakeAt(ctx, s, rtt, 1/float64(len(rtts)-i), &plot); err != nil {
			return fmt.Errorf("%v: %w", rtt, err)
		}
	}
	s.Plots = append(s.Plots, plot)
	return nil
}

// intakeAt measures all ways with one round trip, in a share of the time that is left.
func (b *bench) intakeAt(ctx context.Context, s *report.Section, rtt time.Duration, share float64, plot *report.Plot) error {
	in, err := b.openIntake(ctx, rtt)
	if err != nil {
		return err
	}
	clients := []int{judgedClients}
	if b.full {
		clients = []int{1, 512, judgedClients}
	}
	for _, n := range clients {
		if err := in.measure(ctx, b, n, share/float64(len(clients))); err != nil {
			return err
		}
		in.rows(s, fmt.Sprintf(" at %v and %d clients", rtt, n), rtt, n)
	}
	for _, d := range in.doors() {
		plot.Add(d.name, ms(rtt)+0.1, d.rate.Median())
	}
	if rtt == 0 {
		if err := in.storm(ctx, s); err != nil {
			return err
		}
	}
	peak, err := peakOf(in.gateway.pid)
	if err != nil {
		return err
	}
	s.Add(fmt.Sprintf("memory of amend-gateway at %v", rtt), fmt.Sprintf("%.0f MB", mb(peak)), "≤ 64 MB", peak <= gatewayMemory)
	return in.close()
}

// An intake is three doors for alerts, and two ceilings.
type intake struct {
	argo                   *argo
	gateway                *program
	world                  *world
	source, fronted, serve *door
	reads, syncs           *door
}

func (b *bench) openIntake(ctx context.Context, rtt time.Duration) (*intake, error) {
	in := &intake{}
	var err error
	if in.argo, err = startArgo(ctx, b, rtt); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "gateway-")
	if err != nil {
		return nil, err
	}
	if in.gateway, err = b.start(ctx, dir, "amend-gateway", "--listen", "127.0.0.1:0", "--eventsource", "http://"+in.argo.source.addr); err != nil {
		return nil, err
	}
	if in.world, err = newWorld(ctx, b, setting{files: 100, commits: 1}); err != nil {
		return nil, err
	}
	if err := in.world.startAmend(ctx); err != nil {
		return nil, err
	}
	if in.reads, err = b.openCeiling(ctx, "ceiling, a server that reads", false); err != nil {
		return nil, err
	}
	if in.syncs, err = b.openCeiling(ctx, "ceiling, one that also syncs", true); err != nil {
		return nil, err
	}
	a, w := in.argo, in.world
	in.source = &door{name: "EventSource", addr: a.source.addr, path: "/firing", programs: []*program{a.source, a.bus}}
	in.fronted = &door{name: "amend-gateway", addr: in.gateway.addr, path: "/v1/alertmanager", programs: []*program{in.gateway, a.source, a.bus}}
	// They share a bus.
	in.source.stored = func(ctx context.Context) (int, error) { n, err := a.stored(ctx); return n - in.fronted.offered, err }
	in.fronted.stored = func(ctx context.Context) (int, error) { n, err := a.stored(ctx); return n - in.source.offered, err }
	in.serve = &door{name: "amend serve", addr: w.serve.addr, path: "/v1/alertmanager", programs: []*program{w.serve}, stored: w.decisions}
	return in, nil
}

// openCeiling starts a server that does next to nothing with a post.
func (b *bench) openCeiling(ctx context.Context, name string, syncs bool) (*door, error) {
	dir, err := os.MkdirTemp(b.dir, "sink-")
	if err != nil {
		return nil, err
	}
	var args []string
	if syncs {
		args = []string{"--dir", dir}
	}
	p, err := b.start(ctx, dir, "sink", args...)
	if err != nil {
		return nil, err
	}
	return &door{name: name, addr: p.addr, path: "/", programs: []*program{p}, stored: func(ctx context.Context) (n int, err error) {
		text, err := getFrom(ctx, "http://"+p.addr+"/count")
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(string(text)))
	}}, nil
}

func (in *intake) close() error {
	errs := []error{in.gateway.end(), in.argo.close(), in.world.close()}
	for _, ceiling := range []*door{in.reads, in.syncs} {
		errs = append(errs, ceiling.programs[0].end())
	}
	return errors.Join(errs...)
}

func (in *intake) doors() []*door {
	return []*door{in.source, in.fronted, in.serve, in.reads, in.syncs}
}

// measure lets so many clients post, a round at each door in turn, there and
// back, in a share of the time that is left.
func (in *intake) measure(ctx context.Context, b *bench, clients int, share float64) error {
	o := onslaught{clients: clients, length: time.Second}
	if b.short {
		o.length /= 2
	}
	doors := in.doors()
	for _, d := range doors {
		d.rate, d.p50, d.p99, d.cpu, d.clients = nil, nil, nil, nil, nil
	}
	for n := range b.rounds(share, 3, 8) {
		for i := range doors {
			if n%2 == 1 {
				i = len(doors) - 1 - i
			}
			if err := doors[i].offer(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *intake) rows(s *report.Section, at string, rtt time.Duration, clients int) {
	for _, d := range in.doors() {
		s.Note(d.name+at, fmt.Sprintf("%.0f/s, p50 %.1f ms, p99 %.1f ms, CPU %.3f ms each and %.3f ms of clients and proxy, memory %.0f MB (n=%d)",
			d.rate.Median(), d.p50.Median(), d.p99.Median(), d.cpu.Median(), d.clients.Median(), mb(d.peakMemory), len(d.rate)))
	}
	ratio, measured := times(in.serve.rate, in.source.rate)
	if aim := intakeAims[rtt]; clients == judgedClients {
		s.Add("amend serve takes more than the EventSource"+at, measured, fmt.Sprintf("≥ %g×", aim), ratio >= aim)
	} else {
		s.Note("amend serve takes more than the EventSource"+at, measured)
	}
	if aim := intakeAims[rtt]; clients == judgedClients {
		s.Note("what that aim asks for"+at, in.possible(aim))
	}
	_, measured = times(in.fronted.rate, in.source.rate)
	s.Note("amend-gateway in front of it takes more than the EventSource"+at, measured)
}

// possible says whether so many times the alerts of the EventSource can be taken on
// this machine at all.
func (in *intake) possible(aim float64) string {
	asked, read, synced := aim*in.source.rate.Median(), in.reads.rate.Median(), in.syncs.rate.Median()
	left := 1000*float64(runtime.NumCPU())/asked - in.syncs.clients.Median()
	verdict := fmt.Sprintf("possible here, with %.2f ms of CPU time for each", left)
	switch {
	case asked > read:
		verdict = "more than these clients can send here, whatever takes it"
	case asked > synced:
		verdict = "more than can be synced here"
	}
	return fmt.Sprintf("%.0f/s of at most %.0f/s read or %.0f/s synced: %s", asked, read, synced, verdict)
}

// storm sends 10,000 alerts in one post to the EventSource and to the gateway
// before it.
func (in *intake) storm(ctx context.Context, s *report.Section) error {
	body, err := stormBody(stormAlerts, 0)
	if err != nil {
		return err
	}
	size := fmt.Sprintf("%d alerts in one post of %.1f MB", stormAlerts, mb(int64(len(body))))
	for _, to := range []*door{in.source, in.fronted} {
		before, err := in.argo.stored(ctx)
		if err != nil {
			return err
		}
		start := time.Now()
		status, text, err := postTo(ctx, "http://"+to.addr+to.path, body)
		if err != nil {
			return err
		}
		took := time.Since(start)
		after, err := in.argo.stored(ctx)
		if err != nil {
			return err
		}
		if to == in.fronted && (status != http.StatusOK || after-before != stormAlerts) {
			return fmt.Errorf("%d alerts of a storm are on the bus, and the answer is %d: %s", after-before, status, text)
		}
		s.Note(size+" to "+to.name, fmt.Sprintf("answered %d after %.1f s, %d events on the bus", status, took.Seconds(), after-before))
	}
	return nil
}
