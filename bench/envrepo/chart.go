package envrepo

import "fmt"

// addChart adds a chart of the usual shape: helpers, values for everything.
func (r *Repo) addChart(dir string) {
	r.add(dir+"/Chart.yaml", "apiVersion: v2\nname: service\nversion: 1.0.0\nappVersion: 1.0.0\n")
	r.add(dir+"/values.yaml", `replicaCount: 2
image:
  repository: registry.example.com/none
  tag: 1.0.0
logLevel: info
service:
  port: 80
autoscaling:
  enabled: false
  maxReplicas: 10
resources:
  requests:
    cpu: 100m
    memory: 128Mi
  limits:
    memory: 256Mi
`)
	r.addTemplates(dir + "/templates")
	r.addSmallTemplates(dir + "/templates")
}

// addTemplates adds the workload of the chart and what its templates share.
func (r *Repo) addTemplates(dir string) {
	r.Files[dir+"/_helpers.tpl"] = `{{- define "service.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
`
	r.add(dir+"/deployment.yaml", `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicaCount }}
  {{- end }}
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ .Release.Name }}
  template:
    metadata:
      annotations:
        checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
      labels: {{- include "service.labels" . | nindent 8 }}
    spec:
      containers:
        - name: app
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          envFrom:
            - configMapRef: {name: {{ .Release.Name }}}
          resources: {{- toYaml .Values.resources | nindent 12 }}
`)
}

// addSmallTemplates adds what goes with the workload.
func (r *Repo) addSmallTemplates(dir string) {
	r.add(dir+"/service.yaml", `apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
spec:
  selector:
    app.kubernetes.io/name: {{ .Release.Name }}
  ports:
    - port: {{ .Values.service.port }}
`)
	r.add(dir+"/configmap.yaml", `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  LOG_LEVEL: {{ .Values.logLevel | quote }}
`)
	r.add(dir+"/hpa.yaml", `{{- if .Values.autoscaling.enabled }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .Release.Name }}
spec:
  maxReplicas: {{ .Values.autoscaling.maxReplicas }}
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .Release.Name }}}
{{- end }}
`)
}

// addHelm adds an application of the team's chart: values for all environments,
// values for each, and an Application for each.
func (r *Repo) addHelm(team string, id int) {
	name := fmt.Sprintf("svc-%05d", id)
	dir := fmt.Sprintf("teams/%s/helm/%s", team, name)
	r.add(dir+"/common.yaml", fill(`image:
  repository: registry.example.com/TEAM/NAME
  tag: TAG
replicaCount: REPLICAS
resources:
  limits:
    memory: MEMORY
`, values(team, name, id, "")...))
	for _, env := range environments {
		own := fill(`# NAME in ENV
replicaCount: REPLICAS
image:
  tag: TAG
logLevel: info
resources:
  limits:
    memory: MEMORY
`, values(team, name, id, env)...)
		r.add(dir+"/values-"+env+".yaml", own)
		files := fmt.Sprintf("    helm:\n      releaseName: %s\n      valueFiles: [../helm/%s/common.yaml, ../helm/%s/values-%s.yaml]\n", name, name, name, env)
		r.add(fmt.Sprintf("argocd/%s/%s-%s.yaml", team, name, env), application(name+"-"+env, "teams/"+team+"/chart", name+"-"+env, files))
	}
	q := Question{
		Kind: Helm, Application: name + "-" + prod, Object: deployment(name+"-"+prod, name), Folder: dir, Source: "teams/" + team + "/chart",
		File: dir + "/values-" + prod + ".yaml",
	}
	q.Search, q.YAMLPath, q.New = fmt.Sprint("replicaCount: ", replicas(id)), ".replicaCount", "7"
	r.ask(q, "spec.replicas", "replicaCount:")
	q.Search, q.YAMLPath, q.New = tag(id), ".image.tag", `"9.9.9"`
	r.ask(q, "spec.template.spec.containers[name=app].image", "tag:")
	q.Search, q.YAMLPath, q.New = memory(id), ".resources.limits.memory", `"777Mi"`
	r.ask(q, "spec.template.spec.containers[name=app].resources.limits.memory", "memory:")
}
