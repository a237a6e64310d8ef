package policy

import (
	"fmt"
	"time"

	"github.com/invopop/jsonschema"
	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
)

// A Duration is written as Prometheus and Alertmanager write theirs: 30m,
// 1h30m, 7d. It is greater than zero.
type Duration time.Duration

// UnmarshalText reads the notation of Prometheus.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := model.ParseDuration(string(text))
	if err != nil || v <= 0 {
		return fmt.Errorf("%.60q is not a duration; expected one greater than 0 such as 30m, 1h30m or 7d", text)
	}
	*d = Duration(v)
	return nil
}

// String writes the duration as UnmarshalText reads it.
func (d Duration) String() string { return model.Duration(d).String() }

// JSONSchema describes the notation.
func (Duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(ms|[smhdwy]))+$`, Examples: []any{"30m", "1h30m", "7d"}}
}

// A Matcher is one matcher in the syntax of Alertmanager, which also defines
// that a label the alert does not have counts as empty and that regular
// expressions match whole values.
type Matcher struct {
	m *labels.Matcher
	// text is m's canonical form, made once because playbooks are compared by it.
	text string
}

// UnmarshalText reads and compiles exactly one matcher.
func (m *Matcher) UnmarshalText(text []byte) error {
	parsed, err := parse.Matcher(string(text))
	if err != nil {
		return fmt.Errorf(`%.200q is not a matcher: %w; expected one such as alertname="HighLatency" or severity=~"critical|page"`, text, err)
	}
	m.m, m.text = parsed, parsed.String()
	return nil
}

// String writes the matcher in its canonical form.
func (m Matcher) String() string { return m.text }

// JSONSchema describes a matcher as text; its syntax is no regular language.
func (Matcher) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", MinLength: &[]uint64{1}[0], Examples: []any{`alertname="HighLatency"`, `severity=~"critical|page"`}}
}

func (m Matcher) matches(values map[string]string) bool { return m.m.Matches(values[m.m.Name]) }

// implies reports whether every alert that m matches is known to match other
// too. It may miss an implication, it never invents one.
func (m Matcher) implies(other Matcher) bool {
	if m.text == other.text {
		return true
	}
	return m.m.Type == labels.MatchEqual && m.m.Name == other.m.Name && other.m.Matches(m.m.Value)
}

// excludes reports whether no alert that m matches can match other.
func (m Matcher) excludes(other Matcher) bool {
	return m.m.Type == labels.MatchEqual && m.m.Name == other.m.Name && !other.m.Matches(m.m.Value)
}
