package locate

// A Hop says that control over a field lies in another object: the Application
// or ApplicationSet that sets it, which is itself declared in the repo.
type Hop struct {
	Controls string `json:"controls"` // the field that is controlled, with its object
	Object   string `json:"object"`
	Field    string `json:"field"`
	File     string `json:"file"` // that declares Object
}
