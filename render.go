package amend

// A FieldChange is one field of a rendered object that an edit of the env repo
// changes. Old is empty for an added field and New for a removed one; what a
// Secret holds is in neither.
type FieldChange struct {
	Object ObjectRef `json:"object"`
	Field  string    `json:"field"` // a FieldPath, or * when the whole object comes or goes
	Old    string    `json:"old"`
	New    string    `json:"new"`
}
