//go:build race

package jsonnet_test

// raced says that the race detector is on, whose own memory is several times
// that of the program.
const raced = true
