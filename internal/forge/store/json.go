package store

import (
	"encoding/json"
	"os"
	"path/filepath"
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
	return WriteFile(path, data, 0o644)
}

// WriteFile writes a file. Who reads it sees the old content or the new one, whole.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	if err := os.WriteFile(path+".new", data, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
