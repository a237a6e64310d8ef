// Command app stands for somebody's program in a pod: it runs until it is told
// to end. With -broken it is a release that ends with an error at once.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	broken := flag.Bool("broken", false, "end with an error at once")
	flag.Parse()
	if *broken {
		fmt.Fprintln(os.Stderr, "app: this release is broken")
		os.Exit(1)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}
