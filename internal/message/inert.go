package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	zeroWidth = "\u200b" // separates what a Git host would otherwise link
	ellipsis  = "…"
)

// Plain returns s as one line of plain text for a commit message, at most limit
// bytes long. Nothing in it mentions a person, refers to an issue, links,
// skips a build, credits an author or looks like a trailer: such marks are
// broken by a zero-width space. Invisible and control characters are removed.
func Plain(s string, limit int) string {
	return shorten(neutral(oneLine(s, limit)), limit, func(string, rune) string { return "" })
}

// Inert returns s as one line of inline Markdown that renders as its own text
// and nothing else, at most limit bytes long. It keeps the promises of Plain,
// and may stand at the start of a line, in a list or in a table cell.
func Inert(s string, limit int) string {
	return shorten(neutral(oneLine(s, limit)), limit, markdownEscape)
}

// Fence returns s as a fenced code block that nothing in s can close, ending
// with a newline. Marks that a Git host would link are broken as in Plain,
// because a reply by e-mail strips the fence. Invisible characters other than
// tabs show as U+FFFD. A lang other than ASCII letters is left out.
func Fence(s, lang string) string {
	text := block(s)
	if strings.ContainsFunc(lang, func(r rune) bool { return r > 'z' || !unicode.IsLetter(r) }) {
		lang = ""
	}
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	return fence + lang + "\n" + text + fence + "\n"
}

// oneLine drops what cannot be seen and folds all white space into single
// spaces. It stops reading soon after limit bytes: an alert may be huge.
func oneLine(s string, limit int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
		case visible(r):
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteRune(r)
		}
		if b.Len() > limit {
			break
		}
	}
	return b.String()
}

// block makes every line of s inert for the inside of a fence; unless s is
// empty the result ends with a newline.
func block(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || visible(r):
			return r
		case r == '\r':
			return -1
		}
		return utf8.RuneError
	}, s)
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return neutral(s)
}

// visible excludes control, format (bidi, zero-width), private and unassigned
// characters, and the letters and marks that Unicode says to draw as nothing.
func visible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// neutral breaks every mark that a Git host acts on. All marks are ASCII, so
// it can look at bytes.
func neutral(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c, left, right := s[i], s[:i], s[i+1:]
		if c == '-' && endsWithFold(left, "gh") && startsWith(right, digits) || // GH-123
			c == '.' && endsWithFold(left, "www") ||
			c == ':' && trailerKey(left) {
			b.WriteString(zeroWidth)
		}
		b.WriteByte(c)
		if c == '@' && !startsWith(right, " @\t\n") ||
			c == '#' && (right == "" || startsWith(right, digits)) ||
			c == ':' && (strings.HasPrefix(right, "//") || emoji(right)) ||
			(c == '[' || c == '*') && skipsBuild(s[i:]) {
			b.WriteString(zeroWidth)
		}
	}
	return b.String()
}

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func startsWith(s, chars string) bool {
	return s != "" && strings.IndexByte(chars, s[0]) >= 0
}

func endsWithFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// skipsBuild reports whether s starts with a mark such as [skip ci], [ci skip],
// [no ci], [skip actions] or ***NO_CI***.
func skipsBuild(s string) bool {
	s = strings.ToLower(s[:min(len(s), 40)])
	if strings.HasPrefix(s, "***no_ci***") {
		return true
	}
	inner, _, closed := strings.Cut(s, "]")
	return s[0] == '[' && closed && (strings.Contains(inner, "skip") || strings.Contains(inner, "no ci"))
}

// trailerKey reports whether s ends in a key that hosts read out of the text of
// a message: Co-authored-by and its like, skip-checks, and our own.
func trailerKey(s string) bool {
	word := strings.ToLower(s[len(strings.TrimRight(s, letters+"-")):])
	return strings.HasSuffix(word, "-by") || strings.HasSuffix(word, "skip-checks") || strings.Contains(word, "amend-")
}

// emoji reports whether a colon before s opens a short code like :shipit:,
// which GitHub may draw as an image. Those start with a letter; times do not.
func emoji(s string) bool {
	return startsWith(s, letters) && strings.HasPrefix(strings.TrimLeft(s, letters+digits+"_+-"), ":")
}

// shorten copies text, each rune after its escape, and ends it with an ellipsis
// when it would be longer than limit bytes. An escape is never torn from its rune.
func shorten(text string, limit int, escape func(before string, r rune) string) string {
	var b strings.Builder
	fits := 0
	for i, r := range text {
		b.WriteString(escape(text[:i], r))
		b.WriteRune(r)
		if b.Len() > limit {
			if limit < len(ellipsis) {
				return ""
			}
			return b.String()[:fits] + ellipsis
		}
		if b.Len() <= limit-len(ellipsis) {
			fits = b.Len()
		}
	}
	return b.String()
}

// markdownEscape returns the backslash that r needs after the text before.
// Some marks mean something only at the start of a line: bullets, underlines
// of headings, and the delimiter of a numbered list.
func markdownEscape(before string, r rune) string {
	switch {
	case strings.ContainsRune("\\`*_[]<>#!|~&$", r),
		strings.ContainsRune("-+=", r) && before == "",
		strings.ContainsRune(".)", r) && strings.Trim(before, digits) == "":
		return `\`
	}
	return ""
}

func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
