package amend

import "time"

// Evidence is what is known about the trouble of one workload, for people who
// have to judge it. Each part may be empty: what could not be read is named in
// Unread, and what nobody asked for is not. Whatever the cluster, the metrics or
// the alert say in it is attacker text, as in Alert.
type Evidence struct {
	At       time.Time `json:"at"` // when it was collected
	Event    Event     `json:"event"`
	Workload Workload  `json:"workload,omitzero"`
	// Decision is what amend decided about the event, nil when nobody asked.
	Decision *Decision `json:"decision,omitempty"`
	// Allowed lists what the policy lets amend do about the event, most wanted
	// first. No report may name another action.
	Allowed []AllowedAction `json:"allowed,omitempty"`
	// Episodes are the earlier answers to the incident, oldest first.
	Episodes []Episode `json:"episodes,omitempty"`
	// Commits are those that changed the workload before the alert, the most
	// likely cause first.
	Commits []SuspectCommit `json:"commits,omitempty"`
	// Deploys are the syncs of the workload's Application, newest first.
	Deploys  []Deploy       `json:"deploys,omitempty"`
	Rollouts []Rollout      `json:"rollouts,omitempty"` // newest first
	Pods     []Pod          `json:"pods,omitempty"`
	Happened []ClusterEvent `json:"happened,omitempty"` // newest first
	Logs     []Log          `json:"logs,omitempty"`
	Scaler   *Scaler        `json:"scaler,omitempty"`
	Claims   []Claim        `json:"claims,omitempty"`
	// Series are the values of the expression that the alert is about.
	Series []Series `json:"series,omitempty"`
	Unread []Unread `json:"unread,omitempty"`
}

// An AllowedAction is an action that the policy lets a playbook take.
type AllowedAction struct {
	Name     string `json:"name"`
	Summary  string `json:"summary,omitempty"`
	Playbook string `json:"playbook,omitempty"`
	Mode     Mode   `json:"mode,omitempty"`
}

// A SuspectCommit is a commit of the env repo that changed the workload.
type SuspectCommit struct {
	SHA     string    `json:"sha"`
	At      time.Time `json:"at"`
	Author  string    `json:"author,omitempty"`
	Subject string    `json:"subject,omitempty"`
	// Changes are the fields that it changed.
	Changes []FieldChange `json:"changes,omitempty"`
	// Confidence is low, medium or high, and Why says on what it rests.
	Confidence string   `json:"confidence,omitempty"`
	Why        []string `json:"why,omitempty"`
}

// A Deploy is one sync that Argo CD finished.
type Deploy struct {
	At        time.Time `json:"at"`
	Revisions []string  `json:"revisions"`    // one for each source
	By        string    `json:"by,omitempty"` // a user; empty for an automated sync
}

// A Rollout is one revision of a workload's pods.
type Rollout struct {
	Name     string    `json:"name"` // of the ReplicaSet or ControllerRevision
	Revision int64     `json:"revision"`
	At       time.Time `json:"at"`
	// Images are those of the containers, by name.
	Images map[string]string `json:"images,omitempty"`
	// Changed names the parts of the pod template that differ from the revision
	// before, without their values; RolloutRestarted is one of them.
	Changed []string `json:"changed,omitempty"`
}

// RolloutRestarted says of a Rollout that somebody restarted the pods.
const RolloutRestarted = "the time of the last restart"

// A Pod is one pod of the workload. Its containers for initialisation come first.
type Pod struct {
	Name       string         `json:"name"`
	Phase      string         `json:"phase,omitempty"`
	Reason     string         `json:"reason,omitempty"` // e.g. Evicted
	Ready      bool           `json:"ready"`
	Containers []PodContainer `json:"containers,omitempty"`
}

// A PodContainer is the state of one container of a pod. Waiting is why it does
// not run, in the words of the kubelet, e.g. CrashLoopBackOff.
type PodContainer struct {
	Name        string       `json:"name"`
	Image       string       `json:"image,omitempty"`
	Ready       bool         `json:"ready"`
	Restarts    int          `json:"restarts,omitempty"`
	Waiting     string       `json:"waiting,omitempty"`
	Message     string       `json:"message,omitempty"`
	Ended       *Termination `json:"ended,omitempty"` // the last time
	MemoryLimit string       `json:"memoryLimit,omitempty"`
}

// A Termination is how a container ended, e.g. OOMKilled.
type Termination struct {
	Reason   string    `json:"reason,omitempty"`
	ExitCode int       `json:"exitCode"`
	Message  string    `json:"message,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

// A ClusterEvent is an event that Kubernetes recorded about the workload or what
// was made of it.
type ClusterEvent struct {
	Object  ObjectRef `json:"object"`
	Type    string    `json:"type,omitempty"` // Normal or Warning
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Count   int       `json:"count,omitempty"`
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
}

// A Log is the end of what a container printed. Previous says that it is that of
// the container before its last restart.
type Log struct {
	Pod       string `json:"pod"`
	Container string `json:"container"`
	Previous  bool   `json:"previous,omitempty"`
	Text      string `json:"text"`
}

// A Scaler is the autoscaler that sets the replicas of the workload.
type Scaler struct {
	Name    string `json:"name"`
	Min     int    `json:"min"`
	Max     int    `json:"max"`
	Current int    `json:"current"`
	Desired int    `json:"desired"`
	// Limited is why it cannot do what it wants, e.g. TooManyReplicas.
	Limited string `json:"limited,omitempty"`
}

// A Claim is a PersistentVolumeClaim that the pods mount. Used is the share of
// its capacity that is taken, from 0 to 1, and nil when nobody measured it.
type Claim struct {
	Name     string   `json:"name"`
	Capacity string   `json:"capacity,omitempty"`
	Used     *float64 `json:"used,omitempty"`
}

// A Series is what an expression was worth over a time. Values that are no
// numbers or infinite are left out.
type Series struct {
	Expr   string            `json:"expr"`
	Labels map[string]string `json:"labels,omitempty"`
	Points []Point           `json:"points"`
}

// A Point is one value of a Series.
type Point struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}

// An Unread is a part of the evidence that is missing, and why.
type Unread struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
}
