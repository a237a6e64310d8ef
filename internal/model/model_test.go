package model_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/model"
)

// key is the content of a file with a key.
const key = "k3y-of-the-api"

func keyFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// ask asks a stub of an API, and returns what that was asked.
func ask(t *testing.T, api string, code int, answer string) (got model.Opinion, asked *http.Request, body string, err error) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked, body = r, string(b)
		w.Header().Set("Location", "https://evil.example")
		w.WriteHeader(code)
		fmt.Fprint(w, answer)
	}))
	defer web.Close()
	c, err := model.New(model.Config{API: api, URL: web.URL, Name: "vendor.some-model:0", KeyFile: keyFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	got, err = c.Read(t.Context(), "the report", []string{"restart", "scale-replicas"})
	return got, asked, body, err
}

const said = `{\"hypothesis\": \"It leaks.\", \"action\": \"restart\"}`

// TestAPIs: each is asked as its vendor documents it.
func TestAPIs(t *testing.T) {
	for api, c := range map[string]struct{ answer, path, header, value, user string }{
		"anthropic": {`{"content":[{"type":"thinking","thinking":"x"},{"type":"text","text":"` + said + `"}]}`, "/v1/messages", "X-Api-Key", key, `"messages":[{"role":"user","content":"the report"}]`},
		"openai":    {`{"choices":[{"message":{"role":"assistant","content":"` + said + `"}}]}`, "/chat/completions", "Authorization", "Bearer " + key, `{"role":"user","content":"the report"}]`},
		"bedrock":   {`{"output":{"message":{"role":"assistant","content":[{"text":"` + said + `"}]}}}`, "/model/vendor.some-model:0/converse", "Authorization", "Bearer " + key, `"messages":[{"role":"user","content":[{"text":"the report"}]}]`},
	} {
		t.Run(api, func(t *testing.T) {
			got, asked, body, err := ask(t, api, 200, c.answer)
			if diff := cmp.Diff(model.Opinion{Text: "It leaks.", Action: "restart"}, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
			if asked.Method != http.MethodPost || asked.URL.Path != c.path || asked.Header.Get(c.header) != c.value {
				t.Errorf("asked %s %s with %v", asked.Method, asked.URL, asked.Header)
			}
			if !json.Valid([]byte(body)) || !strings.Contains(body, c.user) || !strings.Contains(body, "1024") || !strings.Contains(body, "restart, scale-replicas") {
				t.Errorf("asked %s", body)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	wrap := func(text string) string {
		b, _ := json.Marshal(text)
		return `{"choices":[{"message":{"content":` + string(b) + `}}]}`
	}
	for name, c := range map[string]struct {
		code   int
		answer string
		kind   amend.Kind
	}{
		"a wrong key":       {401, "", amend.Refused},
		"no permission":     {403, "", amend.Refused},
		"too often":         {429, "", amend.Transient},
		"down":              {503, "", amend.Transient},
		"an unknown model":  {404, "", amend.Invalid},
		"a redirect":        {302, "", amend.Invalid},
		"no JSON":           {200, "s3cret", amend.Invalid},
		"no choice":         {200, `{"choices":[]}`, amend.Invalid},
		"prose":             {200, wrap("s3cret"), amend.Invalid},
		"half an object":    {200, wrap(`{"hypothesis": "s3cret`), amend.Invalid},
		"another type":      {200, wrap(`{"hypothesis": ["s3cret"]}`), amend.Invalid},
		"no hypothesis":     {200, wrap(`{"action": "restart"}`), amend.Invalid},
		"words around it":   {200, wrap("Sure:\n```json\n{\"hypothesis\": \"x\"}\n```"), ""},
		"an unknown action": {200, wrap(`{"hypothesis": "x", "action": "delete"}`), ""},
		"a huge hypothesis": {200, wrap(`{"hypothesis": "` + strings.Repeat("日", 9000) + `"}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, _, err := ask(t, "openai", c.code, c.answer)
			if amend.KindOf(err) != c.kind || got.Action != "" || len(got.Text) > 4000 {
				t.Errorf("got %d bytes, %q, %v", len(got.Text), got.Action, err)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), key)) {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestConfigurationsThatAreWrong(t *testing.T) {
	for name, cfg := range map[string]model.Config{
		"an unknown API":         {API: "x", Name: "m"},
		"no model":               {API: "openai"},
		"a password in the URL":  {API: "openai", Name: "m", URL: "https://a:b@host"},
		"no URL of Bedrock":      {API: "bedrock", Name: "m"},
		"something else's URL":   {API: "openai", Name: "m", URL: "file:///etc/passwd"},
		"a query beside the URL": {API: "openai", Name: "m", URL: "https://host/?a=b"},
	} {
		if _, err := model.New(cfg); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
