package github

import (
	"net/http"
	"sync/atomic"
	"time"
)

// A clock knows how far the host's time is ahead of ours.
type clock struct{ ahead atomic.Int64 }

// clockSlack is by how much both may differ without being corrected: so that the
// time does not jump to and fro with every answer.
const clockSlack = 2 * time.Second

// observe learns from an answer that was asked for and came at these times of
// ours. Its Date is a time in between, in whole seconds. One that a cache has
// kept, or whatever stands in for a host that is away has made, tells nothing.
func (c *clock) observe(sent, came time.Time, status int, h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" || status >= 500 {
		return
	}
	least, most := date.Sub(came), date.Add(time.Second).Sub(sent)
	if now := time.Duration(c.ahead.Load()); now < least-clockSlack || now > most+clockSlack {
		c.ahead.Store(int64(least + (most-least)/2))
	}
}

// Now returns the time as the host has it, as far as its answers tell, and ours
// before the first one. What one writer puts into Git another one reads, and the
// host dates merges itself, so all of them go by its clock.
func (c *Client) Now() time.Time {
	return c.now().Add(time.Duration(c.clock.ahead.Load()))
}
