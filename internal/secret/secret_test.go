package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/secret"
)

func TestRead(t *testing.T) {
	tests := []struct{ content, want string }{
		{"t0ken", "t0ken"},
		{"t0ken\n", "t0ken"},
		{"t0ken\r\n\n", "t0ken"},
		{" pass word ", " pass word "},
		{strings.Repeat("x", 4096), strings.Repeat("x", 4096)},
		{"", ""},
		{"\n", ""},
		{"s3cret\nHost: x", ""},
		{"s3cret\x00", ""},
		{strings.Repeat("x", 4097), ""},
	}
	for _, tt := range tests {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := secret.Read(file)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%.20q: %.20q, %v", tt.content, got, err)
		}
		if err != nil && (amend.KindOf(err) != amend.Invalid || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%.20q: %v", tt.content, err)
		}
	}
	if _, err := secret.Read(filepath.Join(t.TempDir(), "none")); amend.KindOf(err) != amend.Invalid {
		t.Errorf("no file: %v", err)
	}
}
