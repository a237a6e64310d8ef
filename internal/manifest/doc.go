// Package manifest reads YAML and JSON files and changes single values in them
// without touching any other byte.
//
// A YAML library that parses and prints a file again moves comments, quotes,
// blank lines and indents that nobody asked it to move. So nothing is ever
// printed here: a parser gives the position of each scalar, the new text is
// spliced into the bytes, and the result is parsed again to prove that exactly
// the intended value changed, as two independent YAML readers see it. What
// cannot be proved is refused.
//
// The package is pure: no files, no clock, no logging. A File is immutable and
// safe for concurrent use.
package manifest
