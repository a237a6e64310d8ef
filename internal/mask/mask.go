// Package mask takes secrets and personal data out of text that others wrote:
// logs, events, labels, values of variables.
//
// It knows the formats of the usual credentials, what stands behind a name that
// sounds like one, and the forms of personal data that can be told by their
// shape. It rather hides too much: a hidden word costs a reader a moment, a shown
// credential costs its owner more. Nothing here asks anybody anything.
package mask

import (
	"net/netip"
	"regexp"
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
	s = block.ReplaceAllString(s, Masked)
	s = torn.ReplaceAllString(s, Masked)
	s = userinfo.ReplaceAllString(s, "${1}"+Masked+"@")
	s = dsn.ReplaceAllString(s, Masked+"${1}")
	s = known.ReplaceAllString(s, Masked)
	s = header.ReplaceAllString(s, "${1}"+Masked)
	s = named.ReplaceAllStringFunc(s, hideNamed)
	s = variable.ReplaceAllString(s, "${1}"+Masked)
	s = flag.ReplaceAllString(s, "${1}"+Masked)
	s = scheme.ReplaceAllString(s, "${1} "+Masked)
	s = email.ReplaceAllString(s, Masked)
	s = card.ReplaceAllStringFunc(s, hideCard)
	if !m.options.KeepAddresses {
		s = address.ReplaceAllStringFunc(s, hideAddress)
	}
	return s
}

// Value returns what may be shown of the value of a setting, label or variable:
// nothing of one whose name sounds like a credential.
func (m Masker) Value(name, value string) string {
	if value != "" && sensitive.MatchString(name) {
		return Masked
	}
	return m.Text(value)
}

// hideNamed masks the value behind a name. Booleans and the like stay: they are
// no secrets, and often what a reader looks for.
func hideNamed(found string) string {
	parts := named.FindStringSubmatch(found)
	name, value := parts[1], parts[2]
	if plainValue.MatchString(value) {
		return found
	}
	if quote := quoteOf.FindString(value); quote != "" {
		return name + quote + Masked + quote
	}
	return name + Masked
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

// The forms of secrets. Go's expressions take time linear in the text, so no
// text can make them slow.
var (
	// block is a private key in PEM or a key of PGP, on several lines or with \n
	// in one; what follows a beginning without an end belongs to it.
	block = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?s:.*?)(-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)`)
	// torn is the rest of one whose beginning was cut off.
	torn = regexp.MustCompile(`(?m)(?:^[ \t>|]*[A-Za-z0-9+/=]{16,}[ \t]*\r?\n)*(?:^[ \t>|]*[A-Za-z0-9+/=]+[ \t]*\r?\n)?[A-Za-z0-9+/=\\]*-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----`)
	// userinfo is who a URL says to be, with or without a password.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/@"'<>]*:[^\s@"'<>]*|[^\s/@"'<>]+)@`)
	// dsn is one in the form of Go's driver for MySQL.
	dsn     = regexp.MustCompile(`[\w.-]+:[^\s:@"']+(@(?:tcp|unix)\()`)
	email   = regexp.MustCompile(`[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)
	card    = regexp.MustCompile(`\b[3-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{3,4}\b|\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\b`)
	address = regexp.MustCompile(`\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b|\[?\b[0-9A-Fa-f]{1,4}(?::{1,2}[0-9A-Fa-f]{1,4}){2,7}\b\]?`)
)

// secretWord is what names of credentials have in them.
const secretWord = `pass[-._]?(?:word|wd|phrase|code)|passwd|\bpwd|_pwd|secret|token|credential|` +
	`(?:api|access|private|signing|encryption|account|shared|master|session)[-._]?key|apikey|` +
	`authorization|\bauth\b|_auth\b|cookie|session[-._]?id|connection[-._]?string|\bdsn\b|_dsn\b|signature|\bsig\b|\bpin\b|\bssn\b`

var (
	sensitive = regexp.MustCompile(`(?i)` + secretWord)
	// named is a name that sounds like a credential, its separator, and its value:
	// in quotes, which may themselves be escaped, or up to white space.
	named = regexp.MustCompile(`(?i)([\w.-]*(?:` + secretWord + `)[\w.-]*(?:\\*["'])?\s{0,4}(?:=>|:=|[:=])[ \t]{0,4})` +
		`(\\+"(?:[^"\\]|\\+[^"\\])*\\+"|"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&"'(){}\[\]]+)`)
	quoteOf    = regexp.MustCompile(`^\\*["']`)
	plainValue = regexp.MustCompile(`(?i)^\\*["']?(?:true|false|null|nil|none|yes|no|on|off|\[masked\].*|bearer|basic)?\\*["']?$`)
	// variable is one as manifests write it, its name and its value by themselves.
	variable = regexp.MustCompile(`(?i)(\bname\\*["']?\s*[:=]\s*\\*["']?[\w.-]*(?:` + secretWord + `)[\w.-]*\\*["']?[\s,]+\\*["']?value\\*["']?\s*[:=]\s*\\*["']?)[^\s,"'\\}]+`)
	// flag is an option of a command line with its value as the next word.
	flag = regexp.MustCompile(`(?i)(--?[\w-]*(?:` + secretWord + `)[\w-]*[ \t]+)("[^"]*"|'[^']*'|[^\s"'-][^\s"']*)`)
	// header is a line of HTTP that holds credentials up to its end.
	header = regexp.MustCompile(`(?im)(\b(?:authorization|proxy-authorization|cookie|set-cookie|x-[a-z-]*(?:key|token|auth|secret)[a-z-]*)\b["']?\s*[:=]\s*["'\[]*)[^"'\]\r\n]+`)
	scheme = regexp.MustCompile(`(?i)\b(bearer|basic|digest|negotiate)[ \t]+[A-Za-z0-9._~+/=-]{6,}`)
)
