// Command demo runs the main job of amend on one machine: a local
// GitHub-compatible host with a small env repo, a real Alertmanager, and amend
// serve between them. It fires three alerts, shows what becomes of each, sends
// them again, and ends with a non-zero code if anything is not as promised.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", ".build/bin", "folder of the programs: amend, forge, act, alertmanager")
	root := flag.String("root", ".", "folder of amend's sources, for the record workflow")
	keep := flag.Bool("keep", false, "leave everything running and print the addresses")
	visit := flag.String("visit", "", "program to run with the flags -page and -pull when all is done: the address of the page, and a file with the text of the pull request")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *root, *visit, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, root, visit string, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "amend-demo-")
	if err != nil {
		return err
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	out := newScreen(os.Stdout)
	ctx, cancel := context.WithCancelCause(ctx)
	w := &world{dir: dir, bin: bin, root: root, out: out, fail: cancel, began: time.Now().Add(-2 * time.Minute)}
	defer func() {
		cancel(errDone)
		w.wait()
		if cause := context.Cause(ctx); cause != errDone && !errors.Is(cause, context.Canceled) {
			err = errors.Join(cause, err)
		}
		if err != nil {
			err = fmt.Errorf("%w\nthe logs are in %s", err, dir)
			return
		}
		err = os.RemoveAll(dir)
	}()
	started, stopTimer := context.WithTimeout(ctx, 2*time.Minute)
	defer stopTimer()
	if err := w.start(ctx, started); err != nil {
		return err
	}
	if err := story(started, w); err != nil {
		return err
	}
	if visit != "" {
		if err := w.visit(started, visit); err != nil {
			return err
		}
	}
	if keep {
		w.printAddresses()
		<-ctx.Done()
		fmt.Println()
	}
	return nil
}

// errDone is the cause of an end that was meant.
var errDone = errors.New("done")

// story fires the alerts, follows each to its record, and repeats them.
func story(ctx context.Context, w *world) error {
	out := w.out
	out.title("Three alerts fire")
	fired, err := w.fire(ctx)
	if err != nil {
		return err
	}
	for _, a := range alerts {
		if err := follow(ctx, w, a, fired); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	out.title("The same alerts again")
	before, err := w.state(ctx)
	if err != nil {
		return err
	}
	if err := repeat(ctx, w); err != nil {
		return err
	}
	after, err := w.state(ctx)
	if err != nil {
		return err
	}
	if after.head != before.head || after.pulls != before.pulls {
		return fmt.Errorf("the repeated alerts changed something: %+v, then %+v", before, after)
	}
	out.line("nothing more happened: %s is still at %.10s", "main", after.head)
	if err := w.audit(ctx); err != nil {
		return err
	}
	summary := after.String()
	out.result(summary)
	if summary != "demo: 3 alerts, 2 commits, 1 pull request, 3 records, 0 duplicates" {
		return errors.New("that is not what was promised")
	}
	return nil
}

// follow shows one alert from its firing to its entry in the log.
func follow(ctx context.Context, w *world, a alert, fired time.Time) error {
	d, err := w.decision(ctx, a.name)
	if err != nil {
		return err
	}
	w.out.heading(a.name, d.Playbook+": "+d.Action+" "+d.Workload.String()+" by "+d.Mode)
	if d.Change == nil || d.Plan == nil {
		return fmt.Errorf("nothing was changed: %s: %s", d.Reason, d.Detail)
	}
	var merged time.Time
	if d.Change.Number > 0 {
		if err := w.merge(ctx, d.Change.Number); err != nil {
			return err
		}
		merged = time.Now()
	}
	_, recorded, err := w.record(ctx, d.Incident)
	if err != nil {
		return err
	}
	d, entry, err := w.verdict(ctx, d)
	if err != nil {
		return err
	}
	w.out.timeline(fired, []moment{
		{"fired", fired, "sent to Alertmanager"},
		{"received", d.ReceivedAt, "accepted by amend, on disk as event " + d.EventID},
		{"decided", d.DecidedAt, d.Reason},
		{"changed", d.ChangedAt, d.what()},
		{"merged", merged, "by a person, through the API"},
		{"verdict", d.Verdict.At, d.Verdict.State + ": " + d.Verdict.Detail},
		{"recorded", recorded, "in remediation-log.yaml"},
	})
	if a.search != (search{}) {
		if err := w.compare(ctx, a.search, d.Workload, entry); err != nil {
			return err
		}
	}
	w.out.diff(d.Plan.Diff)
	w.out.block("remediation-log.yaml", entry)
	return nil
}

// repeat waits until Alertmanager has delivered the alerts twice more.
func repeat(ctx context.Context, w *world) error {
	start, err := w.deliveries(ctx)
	if err != nil {
		return err
	}
	if _, err := w.fire(ctx); err != nil {
		return err
	}
	var now int
	err = poll(ctx, "Alertmanager to deliver the alerts again", func() (bool, error) {
		now, err = w.deliveries(ctx)
		return now >= start+2*len(alerts), err
	})
	if err == nil {
		w.out.line("Alertmanager delivered them %d more times", now-start)
	}
	return err
}
