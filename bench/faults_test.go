package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestFaultsStrike(t *testing.T) {
	f := &faults{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !f.strike(w, r) {
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer server.Close()
	ask := func(ctx context.Context) (int, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader("a pack"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	for _, c := range []struct{ failed, hung float64 }{{0, 0}, {1, 0}, {0, 1}} {
		f.set(c.failed, c.hung)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if c.hung == 0 {
			ctx = t.Context()
		}
		status, err := ask(ctx)
		cancel()
		switch {
		case c.hung > 0 && !errors.Is(err, context.DeadlineExceeded):
			t.Errorf("hung: answered %d (%v)", status, err)
		case c.hung == 0 && err != nil:
			t.Error(err)
		case c.failed > 0 && status != http.StatusBadGateway, c.failed+c.hung == 0 && status != http.StatusNoContent:
			t.Errorf("%+v: answered %d", c, status)
		}
	}
	if sum := f.read(); sum.requests != 1 || sum.hung != 1 {
		t.Errorf("counted %+v", sum)
	}
}

func TestFaultsStrikeAsOftenAsTold(t *testing.T) {
	f := &faults{}
	f.set(0.05, 0.01)
	for range 10_000 {
		f.roll()
	}
	if sum := f.read(); sum.failed < 400 || sum.failed > 600 || sum.hung < 50 || sum.hung > 150 {
		t.Errorf("of %d requests %d failed and %d hung", sum.requests, sum.failed, sum.hung)
	}
}
