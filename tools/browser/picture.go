package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// A shot is one picture: what is seen of an address, at most as high as given.
type shot struct {
	name, address, scheme string
	width, height         int64
}

// picture takes the pictures of the docs.
func picture(browser context.Context, address, pull, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	v, cancel, err := open(browser, 1100)
	if err != nil {
		return err
	}
	defer cancel()
	var links []string
	if err := chromedp.Run(v.ctx, chromedp.Navigate(address), chromedp.Evaluate(incidentLinks, &links)); err != nil || len(links) == 0 {
		return fmt.Errorf("%d incidents to take a picture of: %w", len(links), err)
	}
	shots := []shot{
		{"page", address, "light", 1100, 1000},
		{"page-dark", address, "dark", 1100, 1000},
		{"page-phone", address, "light", narrow, 1000},
		{"incident", links[0], "light", 1100, 1000},
	}
	if pull != "" {
		rendered, err := render(pull)
		if err != nil {
			return err
		}
		defer os.Remove(rendered)
		shots = append(shots, shot{"pull-request", "file://" + rendered, "light", 1100, 1400})
	}
	for _, s := range shots {
		if err := s.take(v, folder); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (s shot) take(v *visit, folder string) error {
	var (
		image []byte
		full  int64
	)
	err := chromedp.Run(v.ctx,
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}),
		emulation.SetDeviceMetricsOverride(s.width, 800, 1, s.width <= narrow),
		chromedp.Navigate(s.address), chromedp.Evaluate(`document.documentElement.scrollHeight`, &full),
		chromedp.ActionFunc(func(ctx context.Context) (err error) {
			clip := page.Viewport{Width: float64(s.width), Height: float64(min(full, s.height)), Scale: 1}
			image, err = page.CaptureScreenshot().WithClip(&clip).WithCaptureBeyondViewport(true).Do(ctx)
			return err
		}))
	if err != nil {
		return err
	}
	if image, err = small(image); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, s.name+".png"), image, 0o644)
}

// render writes the Markdown of a pull request as a page, with the renderer that
// the tests use for GitHub's flavour. It is not how GitHub looks: the local host
// has no page for a pull request.
func render(markdown string) (string, error) {
	text, err := os.ReadFile(markdown)
	if err != nil {
		return "", err
	}
	var body bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert(text, &body); err != nil {
		return "", err
	}
	f, err := os.CreateTemp("", "amend-pull-*.html")
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Pull request</title><style>
body { font: 14px/1.5 sans-serif; margin: 24px; overflow-wrap: anywhere }
table { border-collapse: collapse } th, td { border: 1px solid #d0d7de; padding: 4px 10px; text-align: left }
code { background: #f0f2f5; padding: 1px 4px } pre { background: #f6f8fa; padding: 12px; overflow: hidden } pre code { background: none; padding: 0 }
</style>%s</html>`, body.String())
	return f.Name(), err
}
