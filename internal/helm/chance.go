package helm

import (
	"fmt"
	"reflect"
	"strings"
	"text/template"
	"time"
)

// chance stands for the random source and the clock. With another seed every
// value that depends on them is another one.
type chance struct {
	seed int
	used bool
}

// A Certificate is what the functions that make one return; Cert and Key are
// no real ones.
type Certificate struct{ Cert, Key string }

// text is n characters out of a pair, one for each seed.
func (c *chance) text(pair string) func(int) (string, error) {
	return func(n int) (string, error) {
		c.used = true
		return strings.Repeat(pair[c.seed%2:c.seed%2+1], max(n, 0)), nil
	}
}

func (c *chance) name(what string) string {
	c.used = true
	return fmt.Sprintf("%s-%d", what, c.seed)
}

func (c *chance) now() time.Time {
	c.used = true
	return time.Date(2001+c.seed, 2, 3, 4, 5, 6, 0, time.UTC)
}

// functions replaces those of Sprig that are random, slow because they make
// keys, or read the clock.
func (c *chance) functions(sprig template.FuncMap) template.FuncMap {
	own := template.FuncMap{
		"randAlphaNum": c.text("ab"), "randAlpha": c.text("ab"), "randAscii": c.text("ab"), "randNumeric": c.text("12"),
		"randBytes":      c.text("AB"),
		"randInt":        func(low, high int) int { c.used = true; return low + c.seed%max(1, high-low) },
		"uuidv4":         func() string { c.used = true; return fmt.Sprintf("00000000-0000-4000-8000-%012d", c.seed) },
		"shuffle":        func(s string) string { c.used = true; return s[min(c.seed, len(s)):] + s[:min(c.seed, len(s))] },
		"now":            c.now,
		"ago":            func(any) string { return c.name("ago") },
		"bcrypt":         func(string) string { return c.name("bcrypt") },
		"htpasswd":       func(user, _ string) string { return user + ":" + c.name("htpasswd") },
		"encryptAES":     func(string, string) (string, error) { return c.name("encrypted"), nil },
		"derivePassword": func(uint32, string, string, string, string) string { return c.name("derived") },
		"genPrivateKey":  func(string) string { return c.name("key") },
		"durationRound":  c.durationRound(sprig["durationRound"]),
	}
	for name, f := range sprig {
		switch t := reflect.TypeOf(f); {
		case strings.HasPrefix(name, "gen") && t.NumOut() == 2 && t.Out(0).Kind() == reflect.Struct:
			own[name] = c.certificate(t)
		case strings.HasPrefix(name, "date") && t.NumIn() >= 2 && t.NumOut() == 1 && !strings.Contains(strings.ToLower(name), "modify"),
			name == "htmlDate", name == "htmlDateInZone":
			own[name] = c.date(reflect.ValueOf(f))
		}
	}
	return own
}

// certificate has the parameters of a function that makes one.
func (c *chance) certificate(t reflect.Type) any {
	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
		if in[i].Kind() == reflect.Struct { // the authority that signs
			in[i] = reflect.TypeFor[Certificate]()
		}
	}
	out := []reflect.Type{reflect.TypeFor[Certificate](), reflect.TypeFor[error]()}
	return reflect.MakeFunc(reflect.FuncOf(in, out, t.IsVariadic()), func([]reflect.Value) []reflect.Value {
		made := Certificate{Cert: c.name("certificate"), Key: c.name("key")}
		return []reflect.Value{reflect.ValueOf(made), reflect.Zero(out[1])}
	}).Interface()
}

// date gives a function that writes dates our clock where Sprig would take the
// real one: for what is no time.
func (c *chance) date(f reflect.Value) any {
	return reflect.MakeFunc(f.Type(), func(args []reflect.Value) []reflect.Value {
		for i, a := range args {
			if a.Kind() != reflect.Interface {
				continue
			}
			switch a.Interface().(type) {
			case time.Time, *time.Time, int64, int, int32:
			default:
				args[i] = reflect.New(f.Type().In(i)).Elem()
				args[i].Set(reflect.ValueOf(c.now()))
			}
		}
		return f.Call(args)
	}).Interface()
}

// durationRound reads the clock for a time only.
func (c *chance) durationRound(f any) any {
	round, _ := f.(func(any) string)
	return func(v any) string {
		if _, ok := v.(time.Time); ok {
			return c.name("duration")
		}
		return round(v)
	}
}
