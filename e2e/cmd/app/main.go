// Command app stands for somebody's program in a pod: it runs until it is told
// to end. With -broken it is a release that ends with an error at once, and
// with -get it asks for one address and ends.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	broken := flag.Bool("broken", false, "end with an error at once")
	url := flag.String("get", "", "ask for this address, then end")
	flag.Parse()
	if *url != "" {
		response, err := http.Get(*url)
		if err != nil {
			fmt.Fprintln(os.Stderr, "app:", err)
			os.Exit(1)
		}
		response.Body.Close()
		return
	}
	if *broken {
		fmt.Fprintln(os.Stderr, "app: this release is broken")
		os.Exit(1)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}
