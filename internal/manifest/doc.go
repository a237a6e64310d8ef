// Package manifest reads YAML and JSON files and changes single values in them
// without touching any other byte.
package manifest
