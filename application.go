package amend

// An Application is what Argo CD says about one of its Applications: what it
// follows, how much of that is applied, and how the result fares. The words of
// its states are Argo CD's own.
type Application struct {
	Namespace string
	Name      string
	// Sources are in the order of the spec; most Applications have one.
	Sources []ApplicationSource
	// Objects are those that Argo CD manages for it.
	Objects []ApplicationObject
	// Sync is Synced, OutOfSync or Unknown, and speaks of Compared of each source.
	Sync string
	// Health is Healthy, Progressing, Degraded, Suspended, Missing or Unknown.
	Health string
	// Phase is that of the last sync operation: Running, Terminating, Succeeded,
	// Failed or Error; empty when there was none. It speaks of Applied of each source.
	Phase string
	// Message is what Argo CD says about that operation. It quotes what the
	// cluster answered, so it is foreign text.
	Message string
}

// String returns NAMESPACE/NAME.
func (a Application) String() string { return a.Namespace + "/" + a.Name }

// An ApplicationSource is one repository that an Application follows.
type ApplicationSource struct {
	RepoURL        string
	TargetRevision string // a branch, a tag, a commit or a range of versions
	// Compared is the commit that the cluster was last compared with, Applied the
	// one that the last sync operation was for; both are empty until there is one.
	Compared string
	Applied  string
}

// An ApplicationObject is one object that Argo CD manages. Health is empty for
// kinds that have none; Message is foreign text, as in Application.
type ApplicationObject struct {
	ObjectRef
	Health  string
	Message string
}
