package alert

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/amendhq/amend"
)

// texts reads JSON whose values are texts, as encoding/json does: of a name that comes
// twice the last counts, what is no UTF-8 becomes U+FFFD, and null leaves a text as it
// is. Its errors are of amend.Invalid, or those of its reader, and quote no text.
type texts struct {
	json *jsontext.Decoder
	key  []byte // the last one, unquoted
}

func newTexts(r io.Reader) *texts {
	return &texts{json: jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

// usual are the names that most alerts have. They are kept once, however many alerts
// there are.
var usual = func() map[string]string {
	names := map[string]string{}
	for _, name := range append(strings.Fields(`version groupKey truncatedAlerts receiver groupLabels commonLabels commonAnnotations
		externalURL alerts alertname severity cluster namespace pod container deployment statefulset daemonset job job_name instance
		endpoint service node prometheus summary description runbook_url message team`), alertFields...) {
		names[name] = name
	}
	return names
}()

// next says what the next value begins with; 0 when that is an error, which whoever
// reads the value gets.
func (t *texts) next() jsontext.Kind { return t.json.PeekKind() }

// skip reads a value of any type and keeps nothing of it.
func (t *texts) skip() error { return syntax(t.json.SkipValue()) }

// end fails when something comes behind the value.
func (t *texts) end() error {
	switch err := t.json.SkipValue(); {
	case err == io.EOF:
		return nil
	case err == nil:
		return invalid("there is more than one JSON value")
	default:
		return syntax(err)
	}
}

// object reads an object, which has to be next, and has each calls read each value.
func (t *texts) object(each func(name string) error) error {
	return t.elements('}', func() error {
		name, err := t.name()
		if err != nil {
			return err
		}
		return each(name)
	})
}

// array reads an array in the same way.
func (t *texts) array(each func() error) error { return t.elements(']', each) }

func (t *texts) elements(end jsontext.Kind, each func() error) error {
	_, err := t.json.ReadToken()
	for err == nil && t.next() != end {
		if t.next() == 0 {
			err = t.json.SkipValue()
			break
		}
		if err := each(); err != nil {
			return err
		}
	}
	if err == nil {
		_, err = t.json.ReadToken()
	}
	return syntax(err)
}

func (t *texts) name() (string, error) {
	quoted, err := t.json.ReadValue()
	if err != nil {
		return "", syntax(err)
	}
	t.key, _ = jsontext.AppendUnquote(t.key[:0], quoted) // the error is about UTF-8
	if name, ok := usual[string(t.key)]; ok {
		return name, nil
	}
	return string(t.key), nil
}

// text reads a text, and reports whether it is one.
func (t *texts) text(into *string) (bool, error) {
	switch t.next() {
	case '"':
		token, err := t.json.ReadToken()
		if err == nil {
			*into = token.String()
		}
		return true, syntax(err)
	case 'n':
		return true, t.skip()
	}
	return false, t.skip()
}

// number does the same with a whole number.
func (t *texts) number(into *uint64) (bool, error) {
	switch t.next() {
	case '0':
		digits, err := t.json.ReadValue()
		if err != nil {
			return false, syntax(err)
		}
		n, err := strconv.ParseUint(string(digits), 10, 64)
		if err != nil {
			return false, nil
		}
		*into = n
		return true, nil
	case 'n':
		return true, t.skip()
	}
	return false, t.skip()
}

// pairs does the same with an object of texts, which is added to those of into.
func (t *texts) pairs(into *map[string]string) (bool, error) {
	switch t.next() {
	case '{':
	case 'n':
		*into = nil
		return true, t.skip()
	default:
		return false, t.skip()
	}
	if *into == nil {
		*into = map[string]string{}
	}
	good := true
	err := t.object(func(name string) error {
		var value string
		ok, err := t.text(&value)
		good = good && ok
		(*into)[name] = value
		return err
	})
	return good, err
}

// syntax sorts an error of the JSON decoder: those of our own reader are
// sorted already.
func syntax(err error) error {
	if err == nil {
		return nil
	}
	var known *amend.Error
	if errors.As(err, &known) {
		return known
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid("the JSON ends too early")
	}
	var wrong *jsontext.SyntacticError
	if errors.As(err, &wrong) {
		err = wrong.Err // without the names that lead there
	}
	return invalid("not JSON: %w", err)
}
