package envrepo

import (
	"fmt"
	"strings"
)

// fill replaces NAME, TEAM and so on in a text; pairs are key and value.
func fill(text string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}

const manifest = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  labels: {app.kubernetes.io/name: NAME, team: TEAM}
spec:
  replicas: REPLICAS
  selector:
    matchLabels:
      app.kubernetes.io/name: NAME
  template:
    metadata:
      labels:
        app.kubernetes.io/name: NAME
    spec:
      containers:
        - name: app
          image: registry.example.com/TEAM/NAME:TAG
          ports:
            - containerPort: 8080
          env:
            - name: LOG_LEVEL
              value: info
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: MEMORY
`

const service = `apiVersion: v1
kind: Service
metadata:
  name: NAME
  labels: {app.kubernetes.io/name: NAME, team: TEAM}
spec:
  selector:
    app.kubernetes.io/name: NAME
  ports:
    - port: 80
      targetPort: 8080
`

const memoryPatch = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
spec:
  template:
    spec:
      containers:
        - name: app
          resources:
            limits:
              memory: MEMORY
`

var environments = [...]string{"dev", "prod", "staging"}

const prod = "prod"

// addKustomize adds an application with a base and overlays. Each overlay sets
// the image and the replicas; the memory is set by a patch, in a file or inline.
func (r *Repo) addKustomize(team string, id int) {
	name := fmt.Sprintf("web-%05d", id)
	dir := fmt.Sprintf("teams/%s/kustomize/%s", team, name)
	all := values(team, name, id, "")
	r.add(dir+"/base/kustomization.yaml", "resources:\n  - deployment.yaml\n  - service.yaml\n  - ../../../platform\n")
	r.add(dir+"/base/deployment.yaml", fill(manifest, all...))
	r.add(dir+"/base/service.yaml", fill(service, all...))
	inline := id%3 == 1
	for _, env := range environments {
		own := values(team, name, id, env)
		kustomization := fill(`namespace: NAME-ENV
resources:
  - ../../base
images:
  - name: registry.example.com/TEAM/NAME
    newTag: TAG
replicas:
  - name: NAME
    count: REPLICAS
configMapGenerator:
  - name: settings
    literals:
      - region=ENV
patches:
`, own...)
		if inline {
			kustomization += fill(`  - target: {kind: Deployment, name: NAME}
    patch: |-
      - op: replace
        path: /spec/template/spec/containers/0/resources/limits/memory
        value: MEMORY
`, own...)
		} else {
			kustomization += "  - path: memory.yaml\n"
			r.add(dir+"/overlays/"+env+"/memory.yaml", fill(memoryPatch, own...))
		}
		r.add(dir+"/overlays/"+env+"/kustomization.yaml", kustomization)
	}
	r.askKustomize(dir, name, id, inline)
}

func (r *Repo) askKustomize(dir, name string, id int, inline bool) {
	overlay := dir + "/overlays/" + prod
	q := Question{
		Kind: Kustomize, Application: name + "-" + prod, Object: deployment(name+"-"+prod, name), Folder: dir, Source: overlay,
		File: overlay + "/kustomization.yaml",
	}
	q.Search, q.YAMLPath, q.New = fmt.Sprint("replicas: ", replicas(id)), ".replicas[0].count", "7"
	r.ask(q, "spec.replicas", "count:")
	q.Search, q.YAMLPath, q.New = tag(id), ".images[0].newTag", `"9.9.9"`
	r.ask(q, "spec.template.spec.containers[name=app].image", "newTag:")
	q.Search, q.YAMLPath, q.New = memory(id), "", "777Mi"
	if !inline {
		q.File, q.YAMLPath, q.New = overlay+"/memory.yaml", ".spec.template.spec.containers[0].resources.limits.memory", `"777Mi"`
	}
	r.ask(q, "spec.template.spec.containers[name=app].resources.limits.memory", memory(id))
}

// addPlain adds an application of plain manifests.
func (r *Repo) addPlain(team string, id int) {
	name := fmt.Sprintf("job-%05d", id)
	dir := fmt.Sprintf("teams/%s/plain/%s", team, name)
	all := values(team, name, id, prod)
	r.add(dir+"/deployment.yaml", fill(manifest, all...))
	r.add(dir+"/service.yaml", fill(service, all...))
	r.add("argocd/"+team+"/"+name+".yaml", application(name, dir, name, ""))
	q := Question{
		Kind: Plain, Application: name, Object: deployment(name, name), Folder: dir, Source: dir,
		File: dir + "/deployment.yaml", Search: fmt.Sprint("replicas: ", replicas(id)), YAMLPath: ".spec.replicas", New: "7",
	}
	r.ask(q, "spec.replicas", "replicas:")
}

// startTeam adds what the applications of a team share.
func (r *Repo) startTeam(team string) {
	dir := "teams/" + team
	r.add(dir+"/platform/kustomization.yaml", "resources:\n  - networkpolicy.yaml\n")
	r.add(dir+"/platform/networkpolicy.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: default-deny\nspec:\n  podSelector: {}\n")
	r.addChart(dir + "/chart")
	r.add("argocd/"+team+"/kustomize.yaml", fill(overlays, "TEAM", team))
}

const overlays = `apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: TEAM-kustomize, namespace: argocd}
spec:
  generators:
    - git:
        repoURL: https://git.example.com/acme/env.git
        revision: HEAD
        directories:
          - path: teams/TEAM/kustomize/*/overlays/*
  template:
    metadata:
      name: '{{path[3]}}-{{path.basename}}'
    spec:
      project: default
      source:
        repoURL: https://git.example.com/acme/env.git
        targetRevision: HEAD
        path: '{{path}}'
      destination:
        server: https://kubernetes.default.svc
        namespace: '{{path[3]}}-{{path.basename}}'
`

// application writes an Application; more is put below its source.
func application(name, path, namespace, more string) string {
	return fill(`apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: NAME, namespace: argocd}
spec:
  project: default
  source:
    repoURL: https://git.example.com/acme/env.git
    targetRevision: HEAD
    path: PATH
MORE  destination:
    server: https://kubernetes.default.svc
    namespace: NAMESPACE
`, "NAMESPACE", namespace, "NAME", name, "PATH", path, "MORE", more)
}
