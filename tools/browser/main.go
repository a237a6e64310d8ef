// Command browser looks at a running page of amend with a real Chromium, as
// people do: without JavaScript, on a phone, in light and dark, by keyboard, and
// along the link of every incident. It ends with a non-zero code when anything is
// not as docs/page.md promises, and takes pictures when it is told where to.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

func main() {
	page := flag.String("page", "", "address of the page")
	pull := flag.String("pull", "", "file with the Markdown of a pull request, to take a picture of")
	shots := flag.String("shots", "", "folder for the pictures; none are taken without")
	chromium := flag.String("browser", "", "program of the browser (default: chromium, chromium-browser or google-chrome of the PATH)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *page, *pull, *shots, *chromium); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, page, pull, shots, chromium string) error {
	if page == "" {
		return errors.New("-page is required")
	}
	program, err := findBrowser(chromium)
	if err != nil {
		return err
	}
	// --no-sandbox, because tests run as root in containers, where Chromium cannot
	// make its sandbox. It visits this machine only.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", false))
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	ctx, cancelTimer := context.WithTimeout(ctx, 3*time.Minute)
	defer cancelTimer()
	if err := check(ctx, page); err != nil || shots == "" {
		return err
	}
	return picture(ctx, page, pull, shots)
}

// findBrowser returns the program to run.
func findBrowser(given string) (string, error) {
	if given != "" {
		return exec.LookPath(given)
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", errors.New("no browser found: apt-get install chromium, or give -browser")
}
