package store

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/amendhq/amend/internal/atomicfile"
)

// SaveJSON writes v to a file, and makes its folder. Who reads the file sees the
// old content or the new one, whole.
func SaveJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(path, data, 0o644)
}
