// Command echo prints its arguments and ends: the smallest container that a
// test can run to completion.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() { fmt.Println(strings.Join(os.Args[1:], " ")) }
