package sns_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/sns"
)

var account = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}

// serve is SNS: it checks the signature of each call by making it anew.
func serve(t *testing.T) (*sns.Client, *[]url.Values, *string) {
	t.Helper()
	var all []url.Values
	fail := ""
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !signed(t, r, body) {
			t.Errorf("the signature does not hold: %v", err)
		}
		if fail != "" {
			code, name, _ := strings.Cut(fail, " ")
			w.WriteHeader(map[string]int{"403": 403, "400": 400, "500": 500}[code])
			_, _ = io.WriteString(w, `<ErrorResponse><Error><Type>Sender</Type><Code>`+name+`</Code><Message>no</Message></Error></ErrorResponse>`)
			return
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		all = append(all, values)
		_, _ = io.WriteString(w, `<PublishResponse><PublishResult><MessageId>id-1</MessageId></PublishResult></PublishResponse>`)
	}))
	t.Cleanup(web.Close)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": account.AccessKeyID, "AWS_SECRET_ACCESS_KEY": account.SecretAccessKey, "AWS_ENDPOINT_URL_SNS": web.URL,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	for name, arn := range map[string]string{"sns-people": "arn:aws:sns:eu-central-1:123456789012:people", "sns-broken": "people"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(arn+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sns.New(dir), &all, &fail
}

// signed makes the signature of a call from what came, as AWS does.
func signed(t *testing.T, r *http.Request, body []byte) bool {
	t.Helper()
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		t.Error(err)
	}
	again, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.RequestURI(), strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	_, names, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	for name := range strings.SplitSeq(names, ";") {
		again.Header[http.CanonicalHeaderKey(name)] = r.Header[http.CanonicalHeaderKey(name)]
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(t.Context(), account, again, hex.EncodeToString(sum[:]), "sns", "eu-central-1", at); err != nil {
		t.Fatal(err)
	}
	return again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

var question = approval.Question{Matter: "pull/7", Title: "scale „up“\r\nweb", Text: "It waits.", URL: "https://host/pull/7", SHA: "aaa", Answerable: true}

func TestPublish(t *testing.T) {
	c, all, _ := serve(t)
	ref, err := c.Ask(t.Context(), "people", question)
	if err != nil || ref != "id-1" {
		t.Fatalf("%q, %v", ref, err)
	}
	if err := c.Tell(t.Context(), "people", ref, question, approval.Outcome{State: approval.Accepted, By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	asked, told := (*all)[0], (*all)[1]
	if asked.Get("TopicArn") != "arn:aws:sns:eu-central-1:123456789012:people" || asked.Get("Subject") != "amend: scale up web" ||
		!strings.Contains(asked.Get("Message"), "merges exactly commit aaa") || !strings.HasSuffix(asked.Get("Message"), "https://host/pull/7\n") {
		t.Errorf("asked %v", asked)
	}
	if !strings.Contains(told.Get("Message"), "Approved by Ada") || !strings.Contains(told.Encode(), "approved") {
		t.Errorf("told %v", told)
	}
	long := question
	long.Title = strings.Repeat("x", 500)
	if _, err := c.Ask(t.Context(), "people", long); err != nil || len((*all)[2].Get("Subject")) != 100 {
		t.Errorf("a subject of %d bytes, %v", len((*all)[2].Get("Subject")), err)
	}
}

func TestErrors(t *testing.T) {
	c, _, fail := serve(t)
	for code, want := range map[string]amend.Kind{
		"403 AuthorizationError": amend.Invalid, "400 InvalidParameter": amend.Invalid, "400 Throttling": amend.Transient, "500 InternalError": amend.Transient,
	} {
		*fail = code
		if _, err := c.Ask(t.Context(), "people", question); amend.KindOf(err) != want {
			t.Errorf("%s is %q, want %q: %v", code, amend.KindOf(err), want, err)
		}
	}
	for _, topic := range []string{"broken", "nobody"} {
		if _, err := c.Ask(t.Context(), topic, question); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: %v", topic, err)
		}
	}
}
