package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/amendhq/amend/bench/report"
)

// gatewayMemory is the most that amend gateway is to hold.
const gatewayMemory = 64 << 20

// intakeAims holds how many times as many alerts amend is to take as the
// EventSource, by the round trip to the bus.
var intakeAims = map[time.Duration]float64{0: 3, 2 * time.Millisecond: 10}

// benchIntake measures how fast alerts are taken in.
func benchIntake(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Taking alerts in"
	s.Text = `Clients post one alert each time, each another one, and send the next when the answer says
that the last is stored. Three ways, in turns:

* *EventSource*: the program of Argo Events 1.9.10, "eventsource-service", with the webhook
  EventSource of sensors/, unchanged and without Kubernetes. Its bus is a NATS server with
  JetStream on disk, one instead of the three of an installation, reached through a proxy
  that adds the round trip. It does not sync each event to disk.
* *amend gateway*: in front of that same EventSource, as it is installed on Argo. It folds
  repeats; of alerts that are all different the EventSource gets every one.
* *amend serve*: the standalone program. Its bus is in the process, so there is no round
  trip to it. An answer means that the alert is synced to disk. It decides at the same time,
  on the same cores, on each of these alerts, about which there is no playbook.

The clients run on the same cores. After each round every accepted alert has to be on the
bus, or decided, exactly once. CPU time is that of all programs of a side.`
	rtts := []time.Duration{0, 2 * time.Millisecond}
	clients := []int{64}
	if b.full {
		clients = []int{1, 64, 512}
	}
	plot := report.Plot{Title: "Alerts taken in with 64 clients, by the round trip to the bus", X: "round trip + 0.1 ms", Y: "alerts/s"}
	for _, rtt := range rtts {
		if err := b.intakeAt(ctx, s, rtt, clients, &plot); err != nil {
			return fmt.Errorf("%v: %w", rtt, err)
		}
	}
	s.Plots = append(s.Plots, plot)
	return nil
}

// intakeAt measures all three ways with one round trip.
func (b *bench) intakeAt(ctx context.Context, s *report.Section, rtt time.Duration, clients []int, plot *report.Plot) error {
	in, err := b.openIntake(ctx, rtt)
	if err != nil {
		return err
	}
	for _, n := range clients {
		if err := in.measure(ctx, b, n); err != nil {
			return err
		}
		in.rows(s, fmt.Sprintf(", %d clients, %v", n, rtt), rtt, n)
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
	s.Add(fmt.Sprintf("memory of amend gateway, in all of this, %v", rtt), fmt.Sprintf("%.0f MB", mb(peak)), "≤ 64 MB", peak <= gatewayMemory)
	return in.close()
}

// An intake is three doors for alerts.
type intake struct {
	argo                   *argo
	gateway                *program
	world                  *world
	source, fronted, serve *door
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
	if in.gateway, err = start(ctx, b, dir, "amend", "gateway", "--listen", "127.0.0.1:0", "--eventsource", "http://"+in.argo.source.addr); err != nil {
		return nil, err
	}
	if in.world, err = newWorld(ctx, b, setting{files: 100, commits: 1}); err != nil {
		return nil, err
	}
	if err := in.world.startAmend(ctx); err != nil {
		return nil, err
	}
	a, w := in.argo, in.world
	in.source = &door{name: "EventSource", addr: a.source.addr, path: "/firing", programs: []*program{a.source, a.bus}}
	in.fronted = &door{name: "amend gateway", addr: in.gateway.addr, path: "/v1/alertmanager", programs: []*program{in.gateway, a.source, a.bus}}
	// They share a bus.
	in.source.stored = func(ctx context.Context) (int, error) { n, err := a.stored(ctx); return n - in.fronted.offered, err }
	in.fronted.stored = func(ctx context.Context) (int, error) { n, err := a.stored(ctx); return n - in.source.offered, err }
	in.serve = &door{name: "amend serve", addr: w.serve.addr, path: "/v1/alertmanager", programs: []*program{w.serve}, stored: w.decisions}
	return in, nil
}

func (in *intake) close() error {
	return errors.Join(in.gateway.end(), in.argo.close(), in.world.close())
}

func (in *intake) doors() []*door { return []*door{in.source, in.fronted, in.serve} }

// measure lets so many clients post, a round at each door in turn, there and
// back.
func (in *intake) measure(ctx context.Context, b *bench, clients int) error {
	rounds, o := 6, onslaught{clients: clients, length: time.Second}
	if b.short {
		rounds, o.length = 2, o.length/2
	}
	for _, d := range in.doors() {
		d.rate, d.p50, d.p99, d.cpu = nil, nil, nil, nil
	}
	for n := range rounds {
		for i := range 3 {
			if n%2 == 1 {
				i = 2 - i
			}
			if err := in.doors()[i].offer(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *intake) rows(s *report.Section, at string, rtt time.Duration, clients int) {
	for _, d := range in.doors() {
		s.Note(d.name+at, fmt.Sprintf("%.0f/s, p50 %.1f ms, p99 %.1f ms, CPU %.2f ms each, memory %.0f MB (n=%d)",
			d.rate.Median(), d.p50.Median(), d.p99.Median(), d.cpu.Median(), mb(d.peakMemory), len(d.rate)))
	}
	ratio, measured := times(in.serve.rate, in.source.rate)
	if aim := intakeAims[rtt]; clients == 64 {
		s.Add("amend serve takes more than the EventSource"+at, measured, fmt.Sprintf("≥ %g×", aim), ratio >= aim)
	} else {
		s.Note("amend serve takes more than the EventSource"+at, measured)
	}
	_, measured = times(in.fronted.rate, in.source.rate)
	s.Note("amend gateway in front of it takes more than the EventSource"+at, measured)
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
		s.Note(size+" to the "+to.name, fmt.Sprintf("answered %d after %.1f s, %d events on the bus", status, took.Seconds(), after-before))
	}
	return nil
}
