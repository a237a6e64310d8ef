package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/report"
)

func newReport() *cobra.Command {
	var flags investigateFlags
	var file, offline, svgs string
	now := timeFlag{time.Now()}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Investigate an alert: timeline, findings, hypothesis, suggestions",
		Long: `Say what is known about the trouble that an alert is about, as Markdown: what
happened when, what stands out, what is probably wrong and why, and which actions
the policy allows.

The clone gives the policy, what amend would decide, and what it did before. With
--cluster, pods, events, logs, rollouts and the history of Argo CD are read too, and
with --prometheus-url the series that the alert measures. Whatever cannot be read is
named in the report and stops nothing. Everything is only read.

Secrets and personal data are masked, and nothing in the Markdown links anywhere.
The hypothesis comes from rules. docs/report.md says which, and which permissions
are needed.

--evidence makes the report of a document that -o json printed, without asking
anybody.`,
		Example: `  amend report --repo . --alert alert.json
  amend report --repo . --alert alert.json --cluster --prometheus-url http://127.0.0.1:9090 --svg-dir plots
  amend report --repo . --alert alert.json -o json > report.json
  amend report --evidence evidence.json`,
	}
	out := cli.OutputFlag(cmd)
	flags.register(cmd)
	fs := cmd.Flags()
	fs.StringVar(&file, "alert", "", "file with the alerts; - reads standard input (required without --evidence)")
	fs.StringVar(&offline, "evidence", "", "file with the evidence of a report, instead of asking anybody")
	fs.StringVar(&svgs, "svg-dir", "", "folder to write a plot of the metrics of each report to")
	fs.Var(&now, "now", "time of the report, in RFC 3339")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		i, err := flags.open(func() time.Time { return now.Time })
		if err != nil {
			return err
		}
		if offline != "" && file != "" {
			return amend.Errorf(amend.Invalid, "--evidence", "it is instead of --alert, not beside it")
		}
		var reports []report.Report
		if offline != "" {
			reports, err = i.offline(cmd, offline)
		} else if err = cli.Required(cmd, "alert"); err == nil {
			reports, err = i.alerts(cmd, file)
		}
		if err != nil {
			return err
		}
		if err := plot(svgs, reports); err != nil {
			return err
		}
		return printReports(cmd.OutOrStdout(), reports, *out)
	}
	return cmd
}

// alerts reports about each alert of a file.
func (i *investigator) alerts(cmd *cobra.Command, file string) ([]report.Report, error) {
	data, err := readInput(cmd.InOrStdin(), file)
	if err != nil {
		return nil, err
	}
	events, err := decodeEvents(data, i.now(), alert.NewIdentity(alert.DefaultVolatile()))
	if err != nil {
		return nil, err
	}
	reports := make([]report.Report, 0, len(events))
	for _, e := range events {
		r, err := i.report(cmd.Context(), e)
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// offline reports about evidence that somebody collected.
func (i *investigator) offline(cmd *cobra.Command, file string) ([]report.Report, error) {
	data, err := readInput(cmd.InOrStdin(), file)
	if err != nil {
		return nil, err
	}
	var e amend.Evidence
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, amend.Errorf(amend.Invalid, "read evidence", "expected the evidence of a report of -o json: %w", err)
	}
	return []report.Report{i.conclude(cmd.Context(), e)}, nil
}

// plot writes report-1.svg and so on, for reports with metrics.
func plot(dir string, reports []report.Report) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return amend.Errorf(amend.Invalid, "write plots", "%w", err)
	}
	for n, r := range reports {
		svg := report.Plot(r.Evidence.Series)
		if svg == "" {
			continue
		}
		if err := cli.WriteFile(filepath.Join(dir, fmt.Sprintf("report-%d.svg", n+1)), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func printReports(w io.Writer, reports []report.Report, out cli.Format) error {
	if out == cli.JSON {
		return cli.PrintJSON(w, reports)
	}
	for n, r := range reports {
		if n > 0 {
			fmt.Fprintln(w)
		}
		if _, err := io.WriteString(w, r.Markdown()); err != nil {
			return amend.Errorf(amend.Internal, "print", "%w", err)
		}
	}
	return nil
}
