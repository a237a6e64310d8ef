// Package mask takes secrets and personal data out of text that others wrote:
// logs, events, labels, values of variables.
//
// It knows the formats of the usual credentials, what stands behind a name that
// sounds like one, and the forms of personal data that can be told by their
// shape. It rather hides too much: a hidden word costs a reader a moment, a shown
// credential costs its owner more. The rules of a scanner such as gitleaks are not
// used as a library, because it brings 50 modules to search repositories with.
package mask

import (
	"net/netip"
	"slices"
	"strings"
)

// Masked stands where something was taken out.
const Masked = "[masked]"

// Options say what is left in.
type Options struct {
	// KeepAddresses leaves IP addresses of the internet in. Those of private
	// networks, which clusters use, always stay.
	KeepAddresses bool
}

// A Masker masks text. It is safe for concurrent use; its zero value masks all.
type Masker struct{ options Options }

// New returns a Masker.
func New(options Options) Masker { return Masker{options} }

// Text returns s with every secret in it replaced by Masked. Mask a text whole,
// before it is cut to a length: half of a secret has no form to be known by. The
// lines of s stay lines, but for those that hold one key.
func (m Masker) Text(s string) string {
	s = layout(apply(whole, s))
	var b strings.Builder
	for line := range strings.Lines(s) {
		text := strings.TrimRight(line, "\r\n")
		end := line[len(text):]
		line = apply(lines, text)
		if digits(line) >= leastCard {
			line = card().ReplaceAllStringFunc(line, hideCard)
		}
		if !m.options.KeepAddresses && strings.ContainsAny(line, ".:") {
			line = address().ReplaceAllStringFunc(line, hideAddress)
		}
		b.WriteString(line + end)
	}
	return b.String()
}

// A form is one kind of secret. Only a text with one of the hints in it, which are
// in lower case, can hold it; to look for those first makes ordinary text cheap.
// Without hints it takes a name that sounds like a credential.
type form struct {
	hints []string
	is    expression
	with  string                    // what takes its place, as Regexp.Expand reads it
	hide  func(found string) string // instead of with
}

func apply(forms []form, s string) string {
	lower, names := strings.ToLower(s), mentions(s)
	for _, f := range forms {
		if f.hints == nil && !names || f.hints != nil && !slices.ContainsFunc(f.hints, func(hint string) bool { return strings.Contains(lower, hint) }) {
			continue
		}
		if f.hide != nil {
			s = f.is().ReplaceAllStringFunc(s, f.hide)
		} else {
			s = f.is().ReplaceAllString(s, f.with)
		}
	}
	return s
}

// leastCard is how many digits a number of a payment card has at least.
const leastCard = 14

func digits(s string) (n int) {
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// Value returns what may be shown of the value of a setting, label or variable:
// nothing of one whose name sounds like a credential.
func (m Masker) Value(name, value string) string {
	if value != "" && sensitive().MatchString(name) {
		return Masked
	}
	return m.Text(value)
}

// hideNamed masks the value behind a name. Booleans and the like stay: they are
// no secrets, and often what a reader looks for.
func hideNamed(found string) string {
	parts := named().FindStringSubmatch(found)
	if parts == nil { // what stood before it made it one
		return Masked
	}
	name, value := parts[1], parts[2]
	if plainValue().MatchString(value) {
		return found
	}
	return name + hidden(value)
}

// hideHeader masks what a header holds, unless that was done.
func hideHeader(found string) string {
	if strings.HasSuffix(found, strings.TrimSuffix(Masked, "]")) {
		return found
	}
	return header().ReplaceAllString(found, "${1}"+Masked)
}

// hidden masks a value and leaves its quotes.
func hidden(value string) string {
	quote := quoteOf().FindString(value)
	return quote + Masked + quote
}

// hidePair masks the value that stands in one line with its name, in either order.
func hidePair(found string) string {
	for _, form := range pairs {
		if p := form().FindStringSubmatch(found); p != nil && !plainValue().MatchString(p[2]) {
			return p[1] + hidden(p[2]) + p[3]
		}
	}
	return found
}

// hideCard masks digits that are the number of a payment card by their check
// digit (ISO/IEC 7812-1).
func hideCard(found string) string {
	sum, double := 0, false
	for i := len(found) - 1; i >= 0; i-- {
		if found[i] < '0' || found[i] > '9' {
			continue
		}
		n := int(found[i] - '0')
		if double {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum, double = sum+n, !double
	}
	if sum%10 != 0 {
		return found
	}
	return Masked
}

// hideAddress masks an IP address of the internet.
func hideAddress(found string) string {
	a, err := netip.ParseAddr(strings.Trim(found, "[]"))
	if err != nil || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
		return found
	}
	return Masked
}
