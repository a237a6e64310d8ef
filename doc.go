// Package amend holds the words that every part of the system shares: what an
// alert is, what is asked for, where it is written, what changed and why not.
//
// One alert travels like this, and each arrow carries one of these values:
//
//	alert ─▶ Alert ─▶ Request ─▶ Decision ─▶ Plan (Edits at Targets) ─▶ Change ─▶ Record
//
// The package imports the standard library only and does no I/O, so that any
// other package can depend on it and none of them on each other.
package amend
