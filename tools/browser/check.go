package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// narrow is the width of a small phone in CSS pixels.
const narrow = 360

// A visit is a tab that notes what its console and the network complain of.
type visit struct {
	ctx    context.Context
	mu     sync.Mutex
	faults []string
}

// open makes a tab without scripts, of the width given.
func open(browser context.Context, width int64) (*visit, context.CancelFunc, error) {
	ctx, cancel := chromedp.NewContext(browser)
	v := &visit{ctx: ctx}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			v.fault("console: %s", e.Type)
		case *runtime.EventExceptionThrown:
			v.fault("exception: %s", e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			v.fault("log: %s %s", e.Entry.Text, e.Entry.URL)
		case *network.EventLoadingFailed:
			v.fault("not loaded: %s %s", e.Type, e.ErrorText)
		case *network.EventResponseReceived:
			if e.Response.Status >= 400 {
				v.fault("%d: %s", e.Response.Status, e.Response.URL)
			}
		}
	})
	err := chromedp.Run(ctx, log.Enable(), network.Enable(), emulation.SetScriptExecutionDisabled(true),
		emulation.SetDeviceMetricsOverride(width, 800, 1, width <= narrow))
	return v, cancel, err
}

func (v *visit) fault(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// failed returns what was noted.
func (v *visit) failed() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all error
	for _, f := range v.faults {
		all = errors.Join(all, errors.New(f))
	}
	return all
}

// check holds the pages to their promises.
func check(browser context.Context, page string) error {
	v, cancel, err := open(browser, narrow)
	if err != nil {
		return err
	}
	defer cancel()
	var links []string
	err = chromedp.Run(v.ctx, chromedp.Navigate(page), chromedp.Evaluate(incidentLinks, &links))
	if err == nil && len(links) == 0 {
		err = errors.New("the overview links to no incident")
	}
	for _, address := range append([]string{page}, links...) {
		if err == nil {
			err = look(v, address)
		}
	}
	if err == nil {
		err = byKeyboard(v, page)
	}
	if err = errors.Join(err, v.failed()); err == nil {
		fmt.Printf("%d pages hold: no script, no error, no sideways scrolling at %d px, contrast in light and dark, links and keyboard\n", 1+len(links), narrow)
	}
	return err
}

// incidentLinks lists where the overview leads to.
const incidentLinks = `[...new Set([...document.querySelectorAll('a[href^="incident/"]')].map(a => a.href))]`

// A sight is what a page shows of itself.
type sight struct {
	Title    string   `json:"title"`
	Headings int      `json:"headings"`
	Mains    int      `json:"mains"`
	Width    int      `json:"width"`
	Wide     []string `json:"wide"`
	Scripts  int      `json:"scripts"`
	Styled   bool     `json:"styled"`
	Faint    []string `json:"faint"`
}

// look visits an address in light and in dark.
func look(v *visit, address string) error {
	for _, scheme := range []string{"light", "dark"} {
		var s sight
		err := chromedp.Run(v.ctx,
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
			chromedp.Navigate(address), chromedp.Evaluate(whatIsSeen, &s))
		if err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		if err := s.judge(); err != nil {
			return fmt.Errorf("%s in %s: %w", address, scheme, err)
		}
	}
	return nil
}

func (s sight) judge() error {
	switch {
	case s.Headings != 1 || s.Mains != 1 || s.Title == "":
		return fmt.Errorf("%d first headings, %d main parts, title %q; want one of each", s.Headings, s.Mains, s.Title)
	case s.Scripts > 0:
		return fmt.Errorf("%d scripts", s.Scripts)
	case !s.Styled:
		return errors.New("the style sheet is not applied")
	case s.Width > narrow:
		return fmt.Errorf("it is %d px wide and scrolls sideways: %q", s.Width, s.Wide)
	case len(s.Faint) > 0:
		return fmt.Errorf("texts with a contrast below 4.5 (WCAG 2.2, 1.4.3): %q", s.Faint)
	}
	return nil
}

// byKeyboard presses Tab: first comes the link to the content, and every link has
// its turn.
func byKeyboard(v *visit, page string) error {
	var (
		first   string
		reached int
		all     int
	)
	const focused = `document.activeElement`
	err := chromedp.Run(v.ctx, chromedp.Navigate(page), chromedp.Evaluate(`document.querySelectorAll('a[href], [tabindex="0"]').length`, &all),
		chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(focused+`.className`, &first))
	if err == nil && first != "skip" {
		err = fmt.Errorf("the first Tab leads to %q and not to the link past the head", first)
	}
	for ; err == nil && reached <= all; reached++ {
		var outside bool
		if err = chromedp.Run(v.ctx, chromedp.Evaluate(focused+` === document.body`, &outside), chromedp.KeyEvent(kb.Tab)); outside {
			break
		}
	}
	if err == nil && reached < all {
		err = fmt.Errorf("only %d of %d links are reached by Tab", reached, all)
	}
	return err
}
