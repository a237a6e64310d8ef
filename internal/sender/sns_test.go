package sender_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/sender"
)

const (
	topic       = "arn:aws:sns:us-east-1:123456789012:amend"
	snsHost     = "https://sns.us-east-1.amazonaws.com"
	certificate = snsHost + "/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"
)

// An aws stands for SNS in one region: it signs messages, and answers requests for
// its certificate and for confirmations.
type aws struct {
	testing.TB
	source sender.Source
	key    *rsa.PrivateKey
	now    time.Time

	mu    sync.Mutex
	asked []string
	files map[string]string // address -> answer; others are 404
	down  bool
}

var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newAWS(t testing.TB) *aws {
	t.Helper()
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	a := &aws{TB: t, key: key, now: at}
	a.files = map[string]string{certificate: a.pem(key.Public(), key)}
	a.source, err = sender.NewSNS(sender.SNSConfig{
		Topics: []string{topic}, Transport: a, Limits: alert.DefaultLimits(), Now: func() time.Time { return a.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// pem writes a certificate of a key, good for two days around at.
func (a *aws) pem(key crypto.PublicKey, signer crypto.Signer) string {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"},
		NotBefore: at.Add(-24 * time.Hour), NotAfter: at.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key, signer)
	if err != nil {
		a.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// RoundTrip is the network.
func (a *aws) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.String())
	if a.down {
		return nil, errors.New("no route")
	}
	w := httptest.NewRecorder()
	switch text, ok := a.files[r.URL.String()]; {
	case strings.HasPrefix(text, "http"):
		http.Redirect(w, r, text, http.StatusFound)
	case ok:
		_, _ = io.WriteString(w, text)
	case r.URL.Query().Get("Action") == "ConfirmSubscription":
		_, _ = io.WriteString(w, "<ConfirmSubscriptionResponse/>")
	default:
		http.NotFound(w, r)
	}
	return w.Result(), nil
}

// notify signs a notification with this text.
func (a *aws) notify(text string) []byte {
	return a.sign(map[string]string{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": topic, "Message": text,
		"Timestamp": "2026-03-02T09:14:36.037Z", "SignatureVersion": "2", "SigningCertURL": certificate,
		"UnsubscribeURL": snsHost + "/?Action=Unsubscribe",
	})
}

// sign signs the fields as Amazon documents it, adds the signature, and returns
// the body.
func (a *aws) sign(m map[string]string) []byte {
	names := []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	if m["Type"] == "Notification" {
		names = []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	}
	var text strings.Builder
	for _, name := range names {
		if value, ok := m[name]; ok {
			text.WriteString(name + "\n" + value + "\n")
		}
	}
	hash, sum := crypto.SHA256, sha256.Sum256([]byte(text.String()))
	digest := sum[:]
	if m["SignatureVersion"] == "1" {
		old := sha1.Sum([]byte(text.String()))
		hash, digest = crypto.SHA1, old[:]
	}
	signature, err := rsa.SignPKCS1v15(nil, a.key, hash, digest)
	if err != nil {
		a.Fatal(err)
	}
	m["Signature"] = base64.StdEncoding.EncodeToString(signature)
	body, err := json.Marshal(m)
	if err != nil {
		a.Fatal(err)
	}
	return body
}

// fields takes a body apart again, to change it after it was signed.
func fields(t testing.TB, body []byte) map[string]string {
	t.Helper()
	m := map[string]string{}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (a *aws) open(body []byte) (sender.Delivery, error) {
	return a.source.Open(context.Background(), nil, body)
}

func TestSNSSignatures(t *testing.T) {
	a := newAWS(t)
	alarm := string(fixture(t, "alarm-sqs.json"))
	for _, version := range []string{"1", "2"} {
		for _, subject := range []string{"", "ALARM: \"SQSQueueBacklog\" in US East (N. Virginia)"} {
			m := fields(t, a.notify(alarm))
			if m["SignatureVersion"] = version; subject != "" {
				m["Subject"] = subject
			}
			d, err := a.open(a.sign(m))
			if err != nil || len(d.Alerts) != 1 || d.ID != "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324" || d.Credential != topic {
				t.Errorf("version %s, subject %q: %+v, %v", version, subject, d, err)
			}
		}
	}
	if len(a.asked) != 1 {
		t.Errorf("the certificate was fetched %d times", len(a.asked))
	}
}

// TestSNSRefuses: every field that is signed, and all that says who signed.
func TestSNSRefuses(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	alarm := string(fixture(t, "alarm-sqs.json"))
	change := func(name, value string) func(*aws, map[string]string) {
		return func(_ *aws, m map[string]string) { m[name] = value }
	}
	tests := map[string]struct {
		change func(*aws, map[string]string)
		want   sender.Refusal
	}{
		"message":            {change("Message", strings.Replace(alarm, "orders", "payments", 1)), sender.Signature},
		"message id":         {change("MessageId", "x"), sender.Signature},
		"subject added":      {change("Subject", "x"), sender.Signature},
		"timestamp":          {change("Timestamp", "2026-03-02T09:15:00.000Z"), sender.Signature},
		"type":               {change("Type", "SubscriptionConfirmation"), sender.Signature},
		"version":            {change("SignatureVersion", "1"), sender.Signature},
		"unknown version":    {change("SignatureVersion", "3"), sender.Signature},
		"no version":         {change("SignatureVersion", ""), sender.Signature},
		"no signature":       {change("Signature", ""), sender.Unsigned},
		"no base64":          {change("Signature", "%"), sender.Signature},
		"no time":            {change("Timestamp", ""), sender.Unsigned},
		"no id":              {change("MessageId", ""), sender.Unsigned},
		"topic of another":   {change("TopicArn", "arn:aws:sns:us-east-1:999999999999:amend"), sender.Topic},
		"no topic":           {change("TopicArn", ""), sender.Topic},
		"another key":        {func(a *aws, m map[string]string) { a.key = other; _ = json.Unmarshal(a.sign(m), &m) }, sender.Signature},
		"certificate of old": {func(a *aws, _ map[string]string) { a.now = at.Add(25 * time.Hour) }, sender.Signature},
		"certificate to be":  {func(a *aws, _ map[string]string) { a.now = at.Add(-25 * time.Hour) }, sender.Signature},
		"no certificate":     {func(a *aws, _ map[string]string) { a.files[certificate] = "<html>" }, sender.Signature},
		"not of RSA": {func(a *aws, _ map[string]string) {
			short, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				a.Fatal(err)
			}
			a.files[certificate] = a.pem(short.Public(), short)
		}, sender.Signature},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAWS(t)
			m := fields(t, a.notify(alarm))
			tt.change(a, m)
			body, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			var got sender.Refusal
			if _, err := a.open(body); !errors.As(err, &got) || got != tt.want {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestSigningAddresses: whoever is named as the place of the certificate, nobody
// but SNS in the region of the topic is asked.
func TestSigningAddresses(t *testing.T) {
	const file = "/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"
	hosts := []string{
		"http://sns.us-east-1.amazonaws.com", "https://sns.eu-west-1.amazonaws.com", "https://sns.us-east-1.amazonaws.com.cn",
		"https://sns.us-east-1.amazonaws.com.evil.example", "https://evil.example", "https://sns.us-east-1.amazonaws.com@evil.example",
		"https://evil.example#sns.us-east-1.amazonaws.com", "https://evil.example?sns.us-east-1.amazonaws.com", "https://evil.example\\sns.us-east-1.amazonaws.com",
		"https://user:pass@sns.us-east-1.amazonaws.com", "https://sns.us-east-1.amazonaws.com:8443", "https://sns.us-east-1.amazonaws.com:443",
		"https://SNS.us-east-1.amazonaws.com", "https://sns.us-east-1.amazonaws.com.", "https://sns.us-east-1.amazonaws.com%2eevil.example",
		"https://169.254.169.254", "https://[fd00:ec2::254]", "https://[::ffff:169.254.169.254]", "https://2852039166", "https://0xa9fea9fe", "https://0251.0376.0251.0376",
		"https://127.0.0.1", "https://localhost", "https://[::1]", "https://0", "https://127.1", "https://10.0.0.1", "https://192.168.1.1", "https://100.64.0.1",
		"https://metadata.google.internal", "https://kubernetes.default.svc", "https://sns-us-east-1.amazonaws.com", "https://s3.amazonaws.com/bucket",
		"https://sns.us-east-1.amazonaws.com.s3.amazonaws.com", "ftp://sns.us-east-1.amazonaws.com", "file://", "gopher://sns.us-east-1.amazonaws.com", "//sns.us-east-1.amazonaws.com",
		"HTTPS://sns.us-east-1.amazonaws.com", " https://sns.us-east-1.amazonaws.com", "https:/sns.us-east-1.amazonaws.com", "https:sns.us-east-1.amazonaws.com",
	}
	var all []string
	for _, h := range hosts {
		all = append(all, h+file)
	}
	for _, path := range []string{"", "/", "/x.pem", "/SimpleNotificationService-.pem", "/SimpleNotificationService-1.pem/", "/SimpleNotificationService-1.pem?x=1", "/SimpleNotificationService-1.pem#x",
		"/SimpleNotificationService-../x.pem", "/a/SimpleNotificationService-1.pem", "/SimpleNotificationService-1%2epem", "/%53impleNotificationService-1.pem", "/?Action=Unsubscribe", "/SimpleNotificationService-1.pem\n",
		"/SimpleNotificationService-" + strings.Repeat("1", 65) + ".pem"} {
		all = append(all, snsHost+path)
	}
	if len(all) < 55 {
		t.Fatalf("only %d addresses", len(all))
	}
	a := newAWS(t)
	for _, address := range all {
		m := fields(t, a.notify("x"))
		m["SigningCertURL"] = address
		var got sender.Refusal
		if _, err := a.open(a.sign(m)); !errors.As(err, &got) || got != sender.Address {
			t.Errorf("%q: %v", address, err)
		}
	}
	if len(a.asked) > 0 {
		t.Errorf("asked: %q", a.asked)
	}
}

// TestRedirectsAreNotFollowed, even by SNS.
func TestRedirectsAreNotFollowed(t *testing.T) {
	a := newAWS(t)
	a.files[certificate] = "https://169.254.169.254/latest/meta-data"
	if _, err := a.open(a.notify("x")); amend.KindOf(err) != amend.Transient {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff([]string{certificate}, a.asked); diff != "" {
		t.Error(diff)
	}
}

// TestCertificateThatCannotBeHad is nobody's fault, and is asked for again.
func TestCertificateThatCannotBeHad(t *testing.T) {
	a := newAWS(t)
	body := a.notify(string(fixture(t, "alarm-sqs.json")))
	a.down = true
	if _, err := a.open(body); amend.KindOf(err) != amend.Transient {
		t.Errorf("%v", err)
	}
	a.down = false
	if _, err := a.open(body); err != nil {
		t.Errorf("%v", err)
	}
}

// TestStrangersDoNotMakeUsAsk: a stranger who names other certificates all the
// time makes few requests, and the known one stays known.
func TestStrangersDoNotMakeUsAsk(t *testing.T) {
	a := newAWS(t)
	good := a.notify(string(fixture(t, "alarm-sqs.json")))
	if _, err := a.open(good); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		m := fields(t, good)
		m["SigningCertURL"] = strings.Replace(certificate, "9c6465", strconv.Itoa(i), 1)
		body, _ := json.Marshal(m)
		if _, err := a.open(body); amend.KindOf(err) != amend.Transient {
			t.Fatalf("%v", err)
		}
	}
	if len(a.asked) > 10 {
		t.Errorf("%d requests", len(a.asked))
	}
	if _, err := a.open(good); err != nil {
		t.Errorf("the known certificate: %v", err)
	}
}

func subscription(a *aws, change ...string) []byte {
	m := map[string]string{
		"Type": "SubscriptionConfirmation", "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "TopicArn": topic, "Token": "2336412f37&Action=x",
		"Message":   "You have chosen to subscribe to the topic " + topic + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
		"Timestamp": "2026-03-02T09:14:36.037Z", "SignatureVersion": "1", "SigningCertURL": certificate, "SubscribeURL": "https://169.254.169.254/?Token=1",
	}
	for i := 0; i < len(change); i += 2 {
		m[change[i]] = change[i+1]
	}
	return a.sign(m)
}

// TestSubscriptions: the confirmation goes to SNS with the token alone; the address
// in the message is not followed. It happens when the gateway asks for it.
func TestSubscriptions(t *testing.T) {
	a := newAWS(t)
	d, err := a.open(subscription(a))
	if err != nil || d.Confirm == nil || len(d.Alerts) > 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if len(a.asked) != 1 {
		t.Errorf("before it is found fresh: %q", a.asked)
	}
	if err := d.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := snsHost + "/?Action=ConfirmSubscription&Token=2336412f37%26Action%3Dx&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3Aamend"
	if diff := cmp.Diff([]string{certificate, want}, a.asked); diff != "" {
		t.Error(diff)
	}
	a.down = true
	if err := d.Confirm(t.Context()); amend.KindOf(err) != amend.Transient || strings.Contains(err.Error(), "2336412f37") {
		t.Errorf("without a network: %v", err)
	}
	var refused sender.Refusal
	if _, err := a.open(subscription(a, "TopicArn", "arn:aws:sns:us-east-1:123456789012:other")); !errors.As(err, &refused) || refused != sender.Topic {
		t.Errorf("another topic: %v", err)
	}
	d, err = a.open(subscription(a, "Type", "UnsubscribeConfirmation"))
	if err != nil || d.Confirm != nil || len(d.Rejected) != 1 {
		t.Errorf("the end of a subscription: %+v, %v", d, err)
	}
	if _, err := a.open(subscription(a, "Type", "Other")); amend.KindOf(err) != amend.Invalid {
		t.Errorf("another type: %v", err)
	}
}

func TestTopics(t *testing.T) {
	for arn, ok := range map[string]bool{
		topic: true,
		"arn:aws-cn:sns:cn-north-1:123456789012:amend":        true,
		"arn:aws-us-gov:sns:us-gov-west-1:123456789012:amend": true,
		"arn:aws:sns:ap-southeast-2:123456789012:a_b-C":       true,
		"arn:aws:sns:us-east-1:123456789012:amend.fifo":       false, // HTTP endpoints cannot subscribe
		"arn:aws:sns:us-east-1:123456789012:amend:sub":        false,
		"arn:aws:sqs:us-east-1:123456789012:amend":            false,
		"arn:aws:sns:evil.example/:123456789012:amend":        false,
		"arn:aws:sns::123456789012:amend":                     false,
		"arn:aws:sns:us-east-1:12:amend":                      false,
		"*":                                                   false,
		"":                                                    false,
	} {
		_, err := sender.NewSNS(sender.SNSConfig{Topics: []string{arn}})
		if (err == nil) != ok || err != nil && amend.KindOf(err) != amend.Invalid {
			t.Errorf("%q: %v", arn, err)
		}
	}
}

// TestPrivateAddressesAreNotDialled, whatever name led to them.
func TestPrivateAddressesAreNotDialled(t *testing.T) {
	reached := false
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer web.Close()
	transport := sender.PublicTransport()
	port := web.URL[strings.LastIndex(web.URL, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "240.0.0.1",
		"[fd00:ec2::254]", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:db8::1]", "[::]", "224.0.0.1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+port, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := transport.RoundTrip(r)
		if err == nil {
			res.Body.Close()
			t.Errorf("%s was reached", host)
		}
		if !slices.Contains([]amend.Kind{amend.Refused, amend.Internal}, amend.KindOf(err)) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if reached {
		t.Error("a connection was made")
	}
}

// TestOneIDForOnePost: the text that SNS signs has no marks where a field ends, so
// the same signature fits a message that is taken apart in another way. It must not
// pass for another one.
func TestOneIDForOnePost(t *testing.T) {
	a := newAWS(t)
	m := fields(t, a.notify(string(fixture(t, "alarm-sqs.json"))))
	m["Subject"] = "ALARM"
	m = fields(t, a.sign(m))
	first, err := a.open(encoded(t, m))
	if err != nil {
		t.Fatal(err)
	}
	m["MessageId"] += "\nSubject\n" + m["Subject"]
	delete(m, "Subject")
	if again, err := a.open(encoded(t, m)); err == nil && again.ID != first.ID {
		t.Errorf("a replay has another id: %q", again.ID)
	}
}

func encoded(t *testing.T, m map[string]string) []byte {
	t.Helper()
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
