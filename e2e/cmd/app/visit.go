package main

import (
	"context"
	"io"
	"net/http"
	"time"
)

// crowd is how many requests of -visit wait for their answers at the most.
const crowd = 60

// visitAll sends requests at a rate, whether earlier ones were answered or not,
// as people do who do not know of each other. Each has a connection of its own,
// so that it may reach any pod of a Service.
func visitAll(ctx context.Context, url string, rate int) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	waiting := make(chan struct{}, crowd)
	next := time.NewTicker(time.Second / time.Duration(rate))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		select {
		case waiting <- struct{}{}:
			go func() {
				defer func() { <-waiting }()
				visit(ctx, client, url)
			}()
		default: // whoever sees such a crowd goes away
		}
	}
}

// visit waits for one answer. It does not matter which: who answers counts them.
func visit(ctx context.Context, client *http.Client, url string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
}
