package report

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// A Plot shows series of points, with logarithms on both axes: what matters is
// how cost grows.
type Plot struct {
	Title, X, Y string
	Series      []Series
}

// A Series is one line of a plot. Points need positive coordinates.
type Series struct {
	Name   string
	Points []Point
}

// A Point is one measured value.
type Point struct{ X, Y float64 }

// Add appends a point to the series of a name, which begins with its first.
func (p *Plot) Add(series string, x, y float64) {
	i := slices.IndexFunc(p.Series, func(s Series) bool { return s.Name == series })
	if i < 0 {
		i = len(p.Series)
		p.Series = append(p.Series, Series{Name: series})
	}
	p.Series[i].Points = append(p.Series[i].Points, Point{x, y})
}

// The measures of a plot in pixels.
const (
	width, height = 640, 360
	left, right   = 70, 170
	top, bottom   = 40, 50
)

// The colours are told apart by people who see few of them.
var colours = [...]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// SVG draws the plot.
func (p Plot) SVG() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	text(&b, width/2, 20, "middle", p.Title)
	text(&b, left+(width-left-right)/2, height-10, "middle", p.X)
	text(&b, 8, top-12, "start", p.Y)
	x := p.scale(func(pt Point) float64 { return pt.X }, left, width-right)
	y := p.scale(func(pt Point) float64 { return pt.Y }, height-bottom, top)
	for _, v := range x.ticks() {
		line(&b, x.at(v), top, x.at(v), height-bottom)
		text(&b, x.at(v), height-bottom+16, "middle", short(v))
	}
	for _, v := range y.ticks() {
		line(&b, left, y.at(v), width-right, y.at(v))
		text(&b, left-6, y.at(v)+4, "end", short(v))
	}
	for i, s := range p.Series {
		colour := colours[i%len(colours)]
		var points []string
		for _, pt := range s.Points {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x.at(pt.X), y.at(pt.Y)))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x.at(pt.X), y.at(pt.Y), colour)
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", colour, strings.Join(points, " "))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="10" height="10" fill="%s"/>`+"\n", width-right+12, top+18*i, colour)
		text(&b, width-right+28, float64(top+18*i+10), "start", s.Name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// A scale maps decades to pixels.
type scale struct{ low, high, from, to float64 }

func (p Plot) scale(of func(Point) float64, from, to float64) scale {
	var all []float64
	for _, s := range p.Series {
		for _, pt := range s.Points {
			all = append(all, of(pt))
		}
	}
	if len(all) == 0 {
		return scale{0, 1, from, to}
	}
	low, high := math.Floor(math.Log10(slices.Min(all))), math.Ceil(math.Log10(slices.Max(all)))
	return scale{low, max(high, low+1), from, to}
}

func (s scale) at(v float64) float64 {
	return s.from + (math.Log10(v)-s.low)/(s.high-s.low)*(s.to-s.from)
}

func (s scale) ticks() []float64 {
	var ticks []float64
	for e := s.low; e <= s.high; e++ {
		ticks = append(ticks, math.Pow(10, e))
	}
	return ticks
}

// short writes 20000 as 20k.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%.3g", v)
}

func line(b *strings.Builder, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", x1, y1, x2, y2)
}

func text(b *strings.Builder, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
}
