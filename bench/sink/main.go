// Command sink takes posts and does as little with them as can be: it reads each and
// answers 200. With a folder it first appends the post to a file there and syncs it,
// one sync for all that have come meanwhile. GET /count says how many it has taken.
//
// It is the ceiling of what a server in Go can take from given clients on a given
// machine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
)

func main() {
	addrFile := flag.String("addr-file", "", "file to write the address to")
	dir := flag.String("dir", "", "folder to keep posts in, synced; none are kept without")
	flag.Parse()
	if err := run(*addrFile, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "sink:", err)
		os.Exit(1)
	}
}

func run(addrFile, dir string) error {
	keep := func([]byte) error { return nil }
	if dir != "" {
		file, err := os.Create(filepath.Join(dir, "posts"))
		if err != nil {
			return err
		}
		keep = grouped(file)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.WriteFile(addrFile, []byte(listener.Addr().String()), 0o644); err != nil {
		return errors.Join(err, listener.Close())
	}
	return http.Serve(listener, handler(keep))
}

// handler answers posts once they are kept.
func handler(keep func([]byte) error) http.Handler {
	var taken atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, taken.Load()) })
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err == nil {
			err = keep(data)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		taken.Add(1)
	})
	return mux
}

// An arrival is a post that waits until it is kept.
type arrival struct {
	data []byte
	kept chan error
}

// grouped returns a function that returns when a post is in the file and synced.
func grouped(file *os.File) func([]byte) error {
	arrivals := make(chan arrival, 1024)
	go group(file, arrivals)
	return func(data []byte) error {
		a := arrival{data, make(chan error, 1)}
		arrivals <- a
		return <-a.kept
	}
}

// group appends what has arrived and syncs it, and then what has arrived meanwhile.
func group(file *os.File, arrivals <-chan arrival) {
	for first := range arrivals {
		batch, data := []arrival{first}, first.data
		for n := len(arrivals); n > 0; n-- {
			next := <-arrivals
			batch, data = append(batch, next), append(data, next.data...)
		}
		_, err := file.Write(data)
		err = errors.Join(err, file.Sync())
		for _, a := range batch {
			a.kept <- err
		}
	}
}
