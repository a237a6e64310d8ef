package main

import (
	"bytes"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// billOfMaterials lists the modules that are linked into any of the programs of one
// module, as CycloneDX 1.6 in JSON. It has no serial number and no time but the
// commit's, so that it is the same for the same programs.
func billOfMaterials(programs []*debug.BuildInfo, o origin) ([]byte, error) {
	main := component(cdx.ComponentTypeApplication, programs[0].Main.Path, o.version)
	components := []cdx.Component{component(cdx.ComponentTypeLibrary, "stdlib", programs[0].GoVersion)}
	for _, info := range programs {
		for _, m := range info.Deps {
			if c := library(m); !slices.ContainsFunc(components, func(known cdx.Component) bool { return known.BOMRef == c.BOMRef }) {
				components = append(components, c)
			}
		}
	}
	uses := make([]string, len(components))
	for i, c := range components {
		uses[i] = c.BOMRef
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: o.time.Format(time.RFC3339), Component: &main}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &uses}}
	var b bytes.Buffer
	if err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// library is a module that a program links, or the one that takes its place.
func library(m *debug.Module) cdx.Component {
	if m.Replace != nil {
		m = m.Replace
	}
	c := component(cdx.ComponentTypeLibrary, m.Path, m.Version)
	if m.Sum != "" { // the checksum of go.sum; its algorithm is Go's own
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.Sum}}
	}
	return c
}

// component names a Go module the way vulnerability databases look it up.
func component(kind cdx.ComponentType, path, version string) cdx.Component {
	purl := "pkg:golang/" + path
	if version != "" {
		purl += "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	return cdx.Component{Type: kind, Name: path, Version: version, PackageURL: purl, BOMRef: purl}
}
