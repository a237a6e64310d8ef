package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/bench/stat"
)

// A door is where alerts can be posted, and what stands behind it.
type door struct {
	name, addr, path string
	programs         []*program
	// stored returns how many alerts have arrived behind the door since it was
	// opened.
	stored func(context.Context) (int, error)

	offered    int // alerts so far
	rate       stat.Sample
	p50, p99   stat.Sample // ms
	cpu        stat.Sample // ms for each alert
	clients    stat.Sample // ms of CPU time of the clients for each
	peakMemory int64
}

// An onslaught is how alerts are offered: each client sends the next when the
// one before it is accepted, on a connection of its own.
type onslaught struct {
	clients int
	length  time.Duration
}

// offer lets the clients post alerts, one in a post and each another, and checks
// that all of them have arrived. Every answer has to be a 200.
func (d *door) offer(ctx context.Context, o onslaught) error {
	before, err := d.used()
	if err != nil {
		return err
	}
	began, own := time.Now(), ownCPU()
	latency, err := d.posts(ctx, o)
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	took := time.Since(began)
	d.clients = append(d.clients, ms(ownCPU()-own)/float64(len(latency)))
	d.offered += len(latency)
	err = until(ctx, "every accepted alert is behind "+d.name, func() (bool, error) {
		time.Sleep(20 * time.Millisecond) // the question is not free
		n, err := d.stored(ctx)
		if err == nil && n > d.offered {
			err = fmt.Errorf("%d alerts are behind %s, %d were sent", n, d.name, d.offered)
		}
		return n == d.offered, err
	})
	if err != nil {
		return err
	}
	after, err := d.used()
	if err != nil {
		return err
	}
	d.rate = append(d.rate, float64(len(latency))/took.Seconds())
	d.p50, d.p99 = append(d.p50, latency.Median()), append(d.p99, latency.Quantile(0.99))
	d.cpu = append(d.cpu, ms(after-before)/float64(len(latency)))
	for _, p := range d.programs {
		peak, err := peakOf(p.pid)
		if err != nil {
			return err
		}
		d.peakMemory = max(d.peakMemory, peak)
	}
	return nil
}

// used is the CPU time of all programs behind the door.
func (d *door) used() (time.Duration, error) {
	var sum time.Duration
	for _, p := range d.programs {
		cpu, err := cpuOf(p.pid)
		if err != nil {
			return 0, err
		}
		sum += cpu
	}
	return sum, nil
}

// posts returns the time of each post in ms.
func (d *door) posts(ctx context.Context, o onslaught) (stat.Sample, error) {
	var next atomic.Int64
	next.Store(int64(d.offered))
	deadline := time.Now().Add(o.length)
	samples, errs := make([]stat.Sample, o.clients), make([]error, o.clients)
	var all sync.WaitGroup
	for i := range o.clients {
		all.Go(func() {
			samples[i], errs[i] = d.client(ctx, deadline, func() int { return int(next.Add(1)) })
		})
	}
	all.Wait()
	var latency stat.Sample
	for _, s := range samples {
		latency = append(latency, s...)
	}
	return latency, errors.Join(errs...)
}

// client is one sender. It writes its requests to the connection itself: on a
// machine with few cores, what the sender uses is what the receiver lacks.
func (d *door) client(ctx context.Context, deadline time.Time, next func() int) (latency stat.Sample, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		body, err := webhook([]amend.Alert{stray(next())})
		if err != nil {
			return nil, err
		}
		var post bytes.Buffer
		fmt.Fprintf(&post, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", d.path, d.addr, len(body), body)
		start := time.Now()
		if _, err := conn.Write(post.Bytes()); err != nil {
			return nil, err
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("a post is answered %s: %s (%v)", res.Status, text, err)
		}
		latency = append(latency, ms(time.Since(start)))
	}
	return latency, ctx.Err()
}

// stray is an alert that no playbook is about; each number is another trouble.
func stray(n int) amend.Alert {
	return amend.Alert{
		Status: amend.Firing, StartsAt: time.Now().Add(-time.Minute).UTC(),
		Labels: map[string]string{
			"alertname": "KubePodCrashLooping", "cluster": "prod-eu-1", "namespace": "shop", "container": "app",
			"deployment": "app-" + strconv.Itoa(n), "severity": "warning",
		},
		Annotations: map[string]string{
			"summary": "Pod is crash looping.", "description": "A pod restarts all the time, more than 3 times in ten minutes.",
		},
	}
}
