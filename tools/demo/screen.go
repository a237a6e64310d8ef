package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A screen prints for people: in colour at a terminal, plain otherwise.
type screen struct {
	f      *os.File
	colour bool
}

func newScreen(f *os.File) *screen {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &screen{f: f, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// The SGR codes of ECMA-48 that are used.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	cyan  = "36"
)

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) title(text string) { fmt.Fprintf(s.f, "\n%s\n", s.paint(bold, "== "+text)) }

func (s *screen) heading(name, text string) {
	fmt.Fprintf(s.f, "\n%s  %s\n", s.paint(bold+";"+cyan, name), text)
}

func (s *screen) line(format string, args ...any) { fmt.Fprintf(s.f, "   "+format+"\n", args...) }

func (s *screen) result(text string) { fmt.Fprintf(s.f, "\n%s\n", s.paint(bold+";"+green, text)) }

// A moment is one point of a timeline; the zero time leaves it out.
type moment struct {
	name string
	at   time.Time
	what string
}

func (s *screen) timeline(start time.Time, moments []moment) {
	slices.SortStableFunc(moments, func(a, b moment) int { return a.at.Compare(b.at) })
	for _, m := range moments {
		if m.at.IsZero() {
			continue
		}
		since := fmt.Sprintf("+%.3fs", m.at.Sub(start).Seconds())
		fmt.Fprintf(s.f, "   %s  %-9s %s\n", s.paint(faint, fmt.Sprintf("%9s", since)), m.name, m.what)
	}
}

func (s *screen) diff(text string) {
	for line := range strings.Lines(text) {
		code := faint
		switch line[0] {
		case '+':
			code = green
		case '-':
			code = red
		}
		fmt.Fprintf(s.f, "   %s\n", s.paint(code, strings.TrimRight(line, "\n")))
	}
}

func (s *screen) block(name, text string) {
	fmt.Fprintf(s.f, "   %s\n", s.paint(faint, name))
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.f, "   %s\n", strings.TrimRight(line, "\n"))
	}
}
