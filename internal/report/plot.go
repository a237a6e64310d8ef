package report

import (
	"encoding/xml"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// The size of a plot in pixels, with the margins for its labels, and the most
// that is drawn.
const (
	plotWidth, plotHeight         = 640, 220
	plotLeft, plotTop             = 64, 28
	plotRight, plotBottom         = 12, 28
	maxPlotted, maxPlottedPoints  = 8, 1000
	maxLabel, sparkWidth          = 90, 60
	plotInnerWidth, plotInnerHigh = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
)

// colours are told apart by people who see few of them, too (Okabe and Ito).
var colours = [maxPlotted]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#888888"}

// Plot draws the series of one expression as an SVG document. The same series
// give the same bytes. It is the empty string when there is nothing to draw.
func Plot(series []amend.Series) string {
	series = drawn(series)
	if len(series) == 0 {
		return ""
	}
	a := axesOf(series)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n",
		plotWidth, plotHeight, plotWidth, plotHeight)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", escaped(series[0].Expr))
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"16\">%s</text>\n", plotLeft, escaped(series[0].Expr))
	fmt.Fprintf(&b, `<path d="M%d %dV%dH%d" fill="none" stroke="#999999"/>`+"\n", plotLeft, plotTop, plotHeight-plotBottom, plotWidth-plotRight)
	for _, t := range []struct {
		anchor, text string
		x, y         int
	}{
		{"end", number(a.high), plotLeft - 6, plotTop + 4},
		{"end", number(a.low), plotLeft - 6, plotHeight - plotBottom + 4},
		{"start", stamp(a.from), plotLeft, plotHeight - 10},
		{"end", stamp(a.to), plotWidth - plotRight, plotHeight - 10},
	} {
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", t.x, t.y, t.anchor, escaped(t.text))
	}
	for i, s := range series {
		fmt.Fprintf(&b, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"%s\"><title>%s</title></polyline>\n", colours[i], a.line(s.Points), escaped(label(s)))
	}
	return b.String() + "</svg>\n"
}

// drawn returns the first series that have points, each with no more than fit.
func drawn(series []amend.Series) []amend.Series {
	var all []amend.Series
	for _, s := range series {
		if s.Points = thinned(s.Points, maxPlottedPoints); len(s.Points) > 0 && len(all) < maxPlotted {
			all = append(all, s)
		}
	}
	return all
}

// thinned keeps n points at most: of each run of neighbours the largest.
func thinned(points []amend.Point, n int) []amend.Point {
	if len(points) <= n {
		return points
	}
	kept := make([]amend.Point, 0, n)
	for i := range n {
		run := points[i*len(points)/n : (i+1)*len(points)/n]
		kept = append(kept, slices.MaxFunc(run, func(a, b amend.Point) int {
			switch {
			case a.Value < b.Value:
				return -1
			case a.Value > b.Value:
				return 1
			}
			return 0
		}))
	}
	return kept
}

// axes are what the corners of a plot stand for.
type axes struct {
	from, to  time.Time
	low, high float64
}

func axesOf(series []amend.Series) axes {
	p := series[0].Points[0]
	a := axes{p.At, p.At, p.Value, p.Value}
	for _, s := range series {
		for _, p := range s.Points {
			if p.At.Before(a.from) {
				a.from = p.At
			}
			if p.At.After(a.to) {
				a.to = p.At
			}
			a.low, a.high = min(a.low, p.Value), max(a.high, p.Value)
		}
	}
	return a
}

func (a axes) line(points []amend.Point) string {
	var b strings.Builder
	for i, p := range points {
		if i > 0 {
			b.WriteByte(' ')
		}
		x := share(float64(p.At.Sub(a.from)), 0, float64(a.to.Sub(a.from)))
		y := share(p.Value, a.low, a.high)
		fmt.Fprintf(&b, "%.1f,%.1f", plotLeft+x*plotInnerWidth, plotTop+(1-y)*plotInnerHigh)
	}
	return b.String()
}

// share says where v is between low and high, from 0 to 1; in the middle when
// they are the same. Halves keep the difference of the largest numbers finite.
func share(v, low, high float64) float64 {
	if high <= low || math.IsNaN(v) {
		return 0.5
	}
	return (v/2 - low/2) / (high/2 - low/2)
}

// spark draws a series in one line of text.
func spark(points []amend.Point) string {
	const levels = "▁▂▃▄▅▆▇█"
	steps := []rune(levels)
	points = thinned(points, sparkWidth)
	if len(points) == 0 {
		return ""
	}
	a := axesOf([]amend.Series{{Points: points}})
	var b strings.Builder
	for _, p := range points {
		b.WriteRune(steps[int(share(p.Value, a.low, a.high)*float64(len(steps)-1)+0.5)])
	}
	return b.String()
}

// label names a series by its labels, as Prometheus writes them, or else by its
// expression.
func label(s amend.Series) string {
	if len(s.Labels) == 0 {
		return s.Expr
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if name != "__name__" {
			pairs = append(pairs, name+"="+strconv.Quote(s.Labels[name]))
		}
	}
	return s.Labels["__name__"] + "{" + strings.Join(pairs, ",") + "}"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// escaped makes s one line of text of an XML document.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(message.Plain(s, maxLabel))) // a Builder takes everything
	return b.String()
}
