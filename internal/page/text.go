package page

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
	"unicode"
)

// functions are what the template has besides those of html/template. None of them
// makes HTML: escaping is left to it.
var functions = template.FuncMap{
	"text": text, "lines": block, "iso": iso, "clock": clock, "short": short, "seconds": seconds,
	"add": func(a, b int) int { return a + b },
	"doc": func() string { return decisionsDoc },
}

// decisionsDoc is where people read what a reason means and what to do.
const decisionsDoc = "https://github.com/amendhq/amend/blob/main/docs/decisions.md#refused"

// maxText is how much of one text of an alert or a decision is shown.
const maxText = 2000

// text returns one line of plain text without anything invisible, such as marks
// that turn the direction of writing.
func text(v any) string { return clip(strings.Join(strings.Fields(strip(fmt.Sprint(v), ' ')), " ")) }

// block is text of several lines.
func block(s string) string { return strip(s, '\n') }

// strip drops what cannot be seen. Line breaks become the rune given.
func strip(s string, line rune) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return line
		case r == '\t' || unicode.IsSpace(r):
			return ' '
		case unicode.IsGraphic(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func clip(s string) string {
	if runes := []rune(s); len(runes) > maxText {
		return string(runes[:maxText]) + "…"
	}
	return s
}

// iso is a time for programs, clock for people.
func iso(t time.Time) string   { return t.UTC().Format(time.RFC3339) }
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// short is enough of a commit id for people.
func short(sha string) string { return sha[:min(10, len(sha))] }

// seconds says how long something took, or takes.
func seconds(s float64) string {
	switch d := time.Duration(s * float64(time.Second)); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", s)
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(math.Round(d.Minutes())))
	}
	return fmt.Sprintf("%.1f h", s/3600)
}
