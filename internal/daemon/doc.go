// Package daemon is what the programs that work until they are asked to end do in the
// same way: how they listen, how their parts run together and end, and what they measure
// of themselves.
package daemon
