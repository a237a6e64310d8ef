package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestEveryPostIsKept(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "posts"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler(grouped(file)))
	defer server.Close()
	const posts = 50
	var all sync.WaitGroup
	for range posts {
		all.Go(func() {
			res, err := http.Post(server.URL, "text/plain", strings.NewReader("0123456789"))
			if err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("a post: %v %v", res, err)
				return
			}
			res.Body.Close()
			data, err := os.ReadFile(file.Name())
			if err != nil || len(data) < 10 {
				t.Errorf("answered with %d bytes kept (%v)", len(data), err)
			}
		})
	}
	all.Wait()
	if data, err := os.ReadFile(file.Name()); err != nil || string(data) != strings.Repeat("0123456789", posts) {
		t.Errorf("%d bytes are kept of %d (%v)", len(data), 10*posts, err)
	}
}
