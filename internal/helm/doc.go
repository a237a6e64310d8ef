// Package helm renders a chart in memory, as `helm template` does for Argo CD.
//
// It takes Helm's chart format and function library, but neither its engine nor
// its values code: those run a template until it ends by itself, print values
// to the process log, and link every type of Kubernetes. Here each render has a
// budget that is counted in steps and not in time, so a hostile chart ends in
// the same refusal on every machine. Nothing is read but the files that are
// passed in: no network, no environment, no cluster. What a template takes from
// chance or from the clock is replaced by fixed values, so that two renders of
// the same chart are equal; Result.Random says that this was done.
//
// The tests compare what it renders with Helm's own engine.
package helm
