// Command trim cuts GitHub's OpenAPI description down to the operations that
// amend and its forge speak, so that the contract can live in the repository.
//
//	go run ./internal/openapi/trim <api.github.com.json >internal/openapi/github.json
//
// The input is the file generated/api.github.com.json of the npm package
// @octokit/openapi. What is dropped is prose. One word that a validator reads
// is changed: oneOf becomes anyOf, because GitHub lists alternatives that
// overlap (an error that fits two of them) and means either.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// operations lists what is kept. Adding a call to the client or the forge
// starts with adding it here.
func operations() map[string][]string {
	const repo = "/repos/{owner}/{repo}"
	return map[string][]string{
		"/rate_limit": {"get"},
		"/app":        {"get"},
		"/user":       {"get"},
		"/app/installations/{installation_id}/access_tokens": {"post"},
		repo:                                              {"get"},
		repo + "/installation":                            {"get"},
		repo + "/git/ref/{ref}":                           {"get"},
		repo + "/git/matching-refs/{ref}":                 {"get"},
		repo + "/git/refs":                                {"post"},
		repo + "/git/refs/{ref}":                          {"patch", "delete"},
		repo + "/commits":                                 {"get"},
		repo + "/commits/{ref}":                           {"get"},
		repo + "/compare/{basehead}":                      {"get"},
		repo + "/pulls":                                   {"get", "post"},
		repo + "/pulls/{pull_number}":                     {"get", "patch"},
		repo + "/pulls/{pull_number}/merge":               {"put"},
		repo + "/pulls/{pull_number}/commits":             {"get"},
		repo + "/pulls/{pull_number}/reviews":             {"get", "post"},
		repo + "/pulls/{pull_number}/comments":            {"get"},
		repo + "/pulls/{pull_number}/requested_reviewers": {"post"},
		repo + "/commits/{ref}/check-runs":                {"get"},
		repo + "/commits/{ref}/status":                    {"get"},
		repo + "/commits/{ref}/statuses":                  {"get"},
		repo + "/statuses/{sha}":                          {"post"},
		repo + "/check-runs":                              {"post"},
		repo + "/issues/{issue_number}/labels":            {"get", "post"},
		repo + "/issues/{issue_number}/labels/{name}":     {"delete"},
		repo + "/issues/{issue_number}/comments":          {"get", "post"},
		repo + "/dispatches":                              {"post"},
		repo + "/actions/runs":                            {"get"},
		repo + "/actions/runs/{run_id}":                   {"get"},
		repo + "/actions/runs/{run_id}/logs":              {"get"},
	}
}

// payloads lists the schemas of the webhooks that are kept. They are read by
// name, because the library knows no webhooks.
func payloads() []string {
	return []string{
		"webhook-pull-request-opened", "webhook-pull-request-synchronize",
		"webhook-pull-request-closed", "webhook-pull-request-reopened",
	}
}

func main() {
	if err := trim(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "trim:", err)
		os.Exit(1)
	}
}

func trim(in io.Reader, out io.Writer) error {
	var doc map[string]any
	if err := json.NewDecoder(in).Decode(&doc); err != nil {
		return fmt.Errorf("reading the description: %w", err)
	}
	paths, err := keep(doc["paths"].(map[string]any))
	if err != nil {
		return err
	}
	small := map[string]any{
		"openapi": doc["openapi"],
		"info":    doc["info"],
		"paths":   prune(paths, true),
	}
	pending := references(small["paths"])
	for _, name := range payloads() {
		pending = append(pending, "#/components/schemas/"+name)
	}
	small["components"] = closure(doc, pending)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(small)
}

// keep picks the wanted operations, and fails on one that GitHub does not have.
func keep(all map[string]any) (map[string]any, error) {
	kept := map[string]any{}
	for path, methods := range operations() {
		item, _ := all[path].(map[string]any)
		chosen := map[string]any{}
		for _, m := range methods {
			if item[m] == nil {
				return nil, fmt.Errorf("GitHub describes no %s %s", m, path)
			}
			chosen[m] = item[m]
		}
		kept[path] = chosen
	}
	return kept, nil
}

// prune removes prose. In a map of names (properties, schemas, paths) every
// key is somebody's name and stays; elsewhere keys are OpenAPI's own words.
func prune(node any, names bool) any {
	switch node := node.(type) {
	case []any:
		for i, child := range node {
			node[i] = prune(child, false)
		}
		return node
	case map[string]any:
		pruned := make(map[string]any, len(node))
		for key, child := range node {
			switch {
			case names:
				pruned[key] = prune(child, false)
			case prose(key):
			case key == "oneOf":
				pruned["anyOf"] = prune(child, false)
			case key == "enum" || key == "default" || key == "required":
				pruned[key] = child
			default:
				pruned[key] = prune(child, namesMap(key))
			}
		}
		if isResponse(node) && !names {
			pruned["description"] = "" // the only prose that OpenAPI requires
		}
		return pruned
	}
	return node
}

func prose(key string) bool {
	return strings.HasPrefix(key, "x-") ||
		slices.Contains([]string{"description", "summary", "title", "example", "examples", "externalDocs", "tags"}, key)
}

func namesMap(key string) bool {
	return slices.Contains([]string{"properties", "responses", "content", "headers", "schemas"}, key)
}

// isResponse tells a response from a schema or a parameter: of the three only
// a response has a description and neither a type nor a place.
func isResponse(node map[string]any) bool {
	if node["description"] == nil || node["in"] != nil || node["type"] != nil {
		return false
	}
	return node["content"] != nil || node["headers"] != nil || len(node) == 1
}

// closure returns the components that are pending and those that they refer
// to, directly or not.
func closure(doc map[string]any, pending []string) map[string]any {
	components := map[string]any{}
	for len(pending) > 0 {
		ref := pending[0]
		pending = pending[1:]
		parts := strings.Split(strings.TrimPrefix(ref, "#/components/"), "/")
		group, _ := components[parts[0]].(map[string]any)
		if group == nil {
			group = map[string]any{}
			components[parts[0]] = group
		}
		if group[parts[1]] != nil {
			continue
		}
		source := doc["components"].(map[string]any)[parts[0]].(map[string]any)[parts[1]]
		group[parts[1]] = prune(source, false)
		pending = append(pending, references(group[parts[1]])...)
	}
	return components
}

func references(node any) []string {
	var refs []string
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			refs = append(refs, references(child)...)
		}
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok {
			return []string{ref}
		}
		for _, child := range node {
			refs = append(refs, references(child)...)
		}
	}
	return refs
}
