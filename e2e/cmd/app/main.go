// Command app stands for somebody's program in a pod: it runs until it is told
// to end. With -broken it is a release that ends with an error at once, with
// -get it asks for one address and ends. With -serve it answers requests over
// HTTP, and with -visit it is those who send them.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	broken := flag.Bool("broken", false, "end with an error at once")
	get := flag.String("get", "", "ask for this address, then end")
	address := flag.String("serve", "", "answer requests on this address")
	visit := flag.String("visit", "", "keep sending requests to this address")
	rate := flag.Int("rate", 1, "how many requests -visit sends in a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var err error
	switch {
	case *broken:
		err = fmt.Errorf("this release is broken")
	case *get != "":
		err = ask(*get)
	case *address != "":
		err = serve(ctx, *address, os.Getenv("PATIENCE"))
	case *visit != "":
		visitAll(ctx, *visit, *rate)
	default:
		<-ctx.Done()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

func ask(url string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
