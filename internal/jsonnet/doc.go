// Package jsonnet evaluates Jsonnet programs whose files are in an env repo,
// finds the literals in their source, and changes single literals without
// touching any other byte.
//
// A Jsonnet program may compute for ever, build a text of any size, or nest so
// deep that the stack of the Go program ends, which nothing in it can catch. The
// library offers no budget, and a budget around it would have to know the cost of
// every function of its standard library. So the library never runs in the
// process of amend: an Engine starts the program of its Command for each
// question, which answers it with Work within limits of time and memory, and
// whose death is a refusal and nothing more.
//
// Programs mean what they mean to Argo CD, which uses the same library; version
// 0.20, which Argo CD 2.14 has, lacks some functions of the standard library.
// Editing is pure: what is spliced is text, and where it may be
// spliced is what the parser said.
package jsonnet
