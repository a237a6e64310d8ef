package mask

import "strings"

// mentions reports whether a text has a secretWord in it, exactly as sensitive
// does. Most lines have none, and to find that out by words is what makes ordinary
// text cheap: an expression that may begin anywhere is tried at every letter.
func mentions(s string) bool {
	if strings.ContainsAny(s, "ſ\u212a") { // which are an s and a k in another case
		return sensitive().MatchString(s)
	}
	lower := lowerASCII(s)
	for _, w := range stems {
		for rest, from := lower, 0; ; {
			i := strings.Index(rest, w.text)
			if i < 0 {
				break
			}
			from += i + len(w.text)
			if w.is == nil || w.is(lower[:from-len(w.text)], lower[from:]) {
				return true
			}
			rest = lower[from:]
		}
	}
	return false
}

// A stem is a part that all of some alternatives of secretWord have. The function
// looks at what is before and behind it; without one the stem is all of it.
type stem struct {
	text string
	is   func(before, after string) bool
}

var stems = []stem{
	{"secret", nil}, {"token", nil}, {"credential", nil}, {"cookie", nil}, {"signature", nil}, {"authorization", nil},
	{"pass", func(_, after string) bool { return begins(after, "word", "wd", "phrase", "code") }},
	{"key", func(before, _ string) bool {
		return ends(before, "api", "access", "private", "signing", "encryption", "account", "shared", "master", "session")
	}},
	{"session", func(_, after string) bool { return begins(after, "id") }},
	{"connection", func(_, after string) bool { return begins(after, "string") }},
	{"pwd", func(before, _ string) bool { return opens(before) || strings.HasSuffix(before, "_") }},
	{"auth", snaked}, {"dsn", snaked}, {"sig", alone}, {"pin", alone}, {"ssn", alone},
}

// alone is a word by itself, and snaked one that an underscore may precede.
func alone(before, after string) bool { return opens(before) && closes(after) }
func snaked(before, after string) bool {
	return closes(after) && (opens(before) || strings.HasSuffix(before, "_"))
}

func opens(before string) bool { return before == "" || !wordByte(before[len(before)-1]) }
func closes(after string) bool { return after == "" || !wordByte(after[0]) }

// wordByte is what \w is. No byte of a longer character is one.
func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

const separators = "-._"

// begins and ends take one separator at most between the stem and the rest.
func begins(after string, rests ...string) bool {
	bare := after
	if after != "" && strings.IndexByte(separators, after[0]) >= 0 {
		bare = after[1:]
	}
	for _, r := range rests {
		if strings.HasPrefix(bare, r) {
			return true
		}
	}
	return false
}

func ends(before string, rests ...string) bool {
	bare := before
	if before != "" && strings.IndexByte(separators, before[len(before)-1]) >= 0 {
		bare = before[:len(before)-1]
	}
	for _, r := range rests {
		if strings.HasSuffix(bare, r) {
			return true
		}
	}
	return false
}

// lowerASCII leaves all that is not ASCII as it is, where a word begins too.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
