package kube_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend/internal/kube"
)

// server is an API server that gives one answer and remembers what it was asked.
type server struct {
	status int
	answer any // a struct is written as JSON, a string as it is

	asked []request
}

type request struct {
	method, path, contentType, authorization, body string
}

// connect starts the server and returns a client that reached it by a kubeconfig.
func (s *server) connect(t *testing.T) *kube.Client {
	t.Helper()
	web := httptest.NewTLSServer(s)
	t.Cleanup(web.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	return client(t, web.URL, ca)
}

func client(t *testing.T, url string, ca []byte) *kube.Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":"` + url + `","certificate-authority-data":"` + base64.StdEncoding.EncodeToString(ca) + `"}}],
		"users":[{"name":"u","user":{"token":"own-token"}}],
		"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := kube.New(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.asked = append(s.asked, request{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("Authorization"), string(body)})
	text, raw := s.answer.(string)
	if !raw {
		b, err := json.Marshal(s.answer)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		text = string(b)
		w.Header().Set("Content-Type", "application/json")
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	_, _ = io.WriteString(w, text)
}

// failure is how an API server says that something is wrong.
func failure(code int, reason metav1.StatusReason, message string) *server {
	return &server{status: code, answer: metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	}}
}

// sent returns the only request, with its body decoded into out.
func (s *server) sent(t *testing.T, out any) request {
	t.Helper()
	if len(s.asked) != 1 {
		t.Fatalf("the server was asked %d times: %v", len(s.asked), s.asked)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(s.asked[0].body), out); err != nil {
			t.Fatal(err)
		}
	}
	return s.asked[0]
}
