package amend

import "strings"

// An ObjectRef names one Kubernetes object. Namespace may be empty for an
// object whose manifest names none; Group is empty for the core group or when
// it does not matter.
type ObjectRef struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// ParseObjectRef reads [GROUP/]KIND/NAMESPACE/NAME; the namespace may be empty
// ("Deployment//web").
func ParseObjectRef(s string) (ObjectRef, error) {
	parts := strings.Split(s, "/")
	if len(parts) == 3 {
		parts = append([]string{""}, parts...)
	}
	if len(parts) != 4 || parts[1] == "" || parts[3] == "" {
		return ObjectRef{}, Errorf(Invalid, "parse object", "%q is not [GROUP/]KIND/NAMESPACE/NAME, e.g. Deployment/shop/web", s)
	}
	return ObjectRef{Group: parts[0], Kind: parts[1], Namespace: parts[2], Name: parts[3]}, nil
}

// String is the inverse of ParseObjectRef.
func (r ObjectRef) String() string {
	s := r.Kind + "/" + r.Namespace + "/" + r.Name
	if r.Group != "" {
		s = r.Group + "/" + s
	}
	return s
}

// A Workload is the object that an alert is about, and the container in it
// when the alert names one.
type Workload struct {
	ObjectRef
	Container string `json:"container,omitempty"`
}
