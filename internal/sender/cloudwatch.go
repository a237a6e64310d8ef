package sender

import (
	"strings"
	"time"
	"unicode"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// An alarm is the message that a CloudWatch alarm publishes, as far as it matters.
// A composite alarm has no trigger.
type alarm struct {
	AlarmName        string
	AlarmDescription string
	AlarmArn         string
	AWSAccountID     string `json:"AWSAccountId"`
	NewStateValue    string
	NewStateReason   string
	StateChangeTime  string
	Trigger          struct {
		MetricName string
		Namespace  string
		Dimensions []dimension
	}
}

type dimension struct{ Name, Value string }

// alarmTime is how CloudWatch writes a time.
const alarmTime = "2006-01-02T15:04:05.999-0700"

// decodeAlarm reads the message of an alarm. A message that is none is
// amend.Invalid; an alarm that says neither that something is wrong nor that it is
// over is rejected.
func decodeAlarm(message string, limits alert.Limits) ([]amend.Alert, []alert.Rejection, error) {
	var w alarm
	if err := decode(strings.NewReader(message), limits, &w); err != nil {
		return nil, nil, err
	}
	if w.AlarmName == "" || w.NewStateValue == "" {
		return nil, nil, invalid("the message is not that of a CloudWatch alarm")
	}
	a, reason := w.alert()
	if reason == "" {
		a, reason = alert.Bound(a, limits)
	}
	if reason != "" {
		return nil, rejected(reason), nil
	}
	return []amend.Alert{a}, nil, nil
}

// alert maps an alarm, or says why it is no alert.
func (w alarm) alert() (amend.Alert, string) {
	at, err := time.Parse(alarmTime, w.StateChangeTime)
	if err != nil {
		return amend.Alert{}, "StateChangeTime is not a time"
	}
	a := amend.Alert{StartsAt: at.UTC()}
	switch w.NewStateValue {
	case "ALARM":
		a.Status = amend.Firing
	case "OK":
		a.Status, a.EndsAt = amend.Resolved, at.UTC()
	default:
		return amend.Alert{}, "the new state is neither ALARM nor OK"
	}
	a.Labels = present("alertname", w.AlarmName, "account", w.AWSAccountID, "region", region(w.AlarmArn),
		"metric", w.Trigger.MetricName, "metric_namespace", w.Trigger.Namespace)
	for _, d := range w.Trigger.Dimensions {
		name := "dimension_" + snake(d.Name)
		if _, twice := a.Labels[name]; twice {
			return amend.Alert{}, "two dimensions make the same label"
		}
		a.Labels[name] = d.Value
	}
	a.Annotations = present("description", w.AlarmDescription, "summary", w.NewStateReason, "alarm_arn", w.AlarmArn)
	return a, ""
}

// region returns the region of an alarm, as its address calls it; the field Region
// holds a name for people.
func region(arn string) string {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}

// snake writes the name of a dimension as that of a label: QueueName becomes
// queue_name, DBClusterIdentifier becomes db_cluster_identifier.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			b.WriteByte('_')
			continue
		case i > 0 && unicode.IsUpper(r) && wordBegins(runes, i):
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// wordBegins reports whether the upper-case letter at i begins a word: after a
// lower-case letter or digit, or as the last of several before a lower-case one.
func wordBegins(runes []rune, i int) bool {
	before := runes[i-1]
	if unicode.IsLower(before) || unicode.IsDigit(before) {
		return true
	}
	return unicode.IsUpper(before) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
}
