package locate

import (
	"fmt"
	"io/fs"
)

// Deployed finds the one rendered object of a query, as the Application that the
// query names deploys it: with the settings that are live, if it holds them. The
// field of the query does not matter. It refuses like Object.
func (l *Locator) Deployed(tree fs.FS, q Query) (*Object, error) {
	v, err := l.view(tree)
	if err != nil {
		return nil, err
	}
	o, err := v.owner(q)
	if err != nil {
		return nil, fmt.Errorf("locating %s: %w", q.Object, err)
	}
	m, err := v.match(q.Object, scope{owner: o, dir: q.Root})
	if err != nil {
		return nil, fmt.Errorf("locating %s: %w", q.Object, err)
	}
	return &Object{m.obj}, nil
}
