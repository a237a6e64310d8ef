package alert_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// delivery makes the events of one delivery out of words like "a+" (a fires)
// and "a-" (a is resolved).
func delivery(words string, at time.Time) []amend.Event {
	var events []amend.Event
	for w := range strings.FieldsSeq(words) {
		status := amend.Firing
		if w[1] == '-' {
			status = amend.Resolved
		}
		events = append(events, amend.Event{Identity: w[:1], Time: at, Alert: amend.Alert{Status: status}})
	}
	return events
}

func words(events []amend.Event) string {
	var w []string
	for _, e := range events {
		sign := "+"
		if e.Alert.Status == amend.Resolved {
			sign = "-"
		}
		w = append(w, e.Identity+sign)
	}
	return strings.Join(w, " ")
}

func TestFolder(t *testing.T) {
	type post struct {
		after  time.Duration // since the first post
		events string
		want   string
		lost   bool // the bus did not take it
	}
	tests := []struct {
		name  string
		posts []post
	}{
		{"repeats fold within the window", []post{{0, "a+ b+", "a+ b+", false}, {59 * time.Second, "a+ b+ c+", "c+", false}}},
		{"the window does not slide", []post{{0, "a+", "a+", false}, {40 * time.Second, "a+", "", false}, {time.Minute, "a+", "a+", false}}},
		{"the opposite status opens again", []post{{0, "a+", "a+", false}, {1, "a-", "a-", false}, {2, "a+", "a+", false}, {3, "a+", "", false}}},
		{"what was not stored never folds", []post{{0, "a+", "a+", true}, {1, "a+", "a+", false}}},
		{"one pod recovers, another fires", []post{{0, "a- a+ a- a+", "a+", false}}},
		{"all pods recover", []post{{0, "a+", "a+", false}, {1, "a- a-", "a-", false}}},
		{"a recovered pod beside a known trouble", []post{{0, "a+", "a+", false}, {1, "a- a+", "", false}}},
		{"the oldest identity is forgotten", []post{{0, "a+ b+ c+ d+", "a+ b+ c+ d+", false}, {1, "b+ c+ d+ a+", "a+", false}}},
		{"a clock set back folds nothing", []post{{time.Hour, "a+", "a+", false}, {0, "a+", "a+", false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := alert.NewFolder(time.Minute, 3)
			for i, p := range tt.posts {
				fresh := f.Split(delivery(p.events, at.Add(p.after)))
				if diff := cmp.Diff(p.want, words(fresh)); diff != "" {
					t.Errorf("post %d: %s", i, diff)
				}
				if !p.lost {
					f.Accept(fresh)
				}
			}
		})
	}
}

func TestForgottenIdentityPasses(t *testing.T) {
	f := alert.NewFolder(time.Minute, 2)
	f.Accept(delivery("a+ b+", at))
	f.Forget("a")
	f.Forget("c")
	if got := words(f.Split(delivery("a+ b+", at))); got != "a+" {
		t.Errorf("passed: %s", got)
	}
	f.Accept(delivery("c+ d+", at)) // what was forgotten takes no room
	if got := words(f.Split(delivery("b+ c+ d+", at))); got != "b+" {
		t.Errorf("passed: %s", got)
	}
}
