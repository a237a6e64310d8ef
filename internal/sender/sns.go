package sender

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

const expectedSNS = "an Amazon SNS message of a topic on the list, not raw, whose text is that of a CloudWatch alarm"

// SNSConfig is what the source for Amazon SNS is made of.
type SNSConfig struct {
	// Topics are the ARNs of the topics whose messages are taken; no other
	// subscription is confirmed either.
	Topics []string
	// Transport fetches certificates and confirms subscriptions; PublicTransport
	// when nil.
	Transport http.RoundTripper
	Limits    alert.Limits
	// Now is the clock that certificates are held against; time.Now when nil.
	Now func() time.Time
}

// NewSNS returns the source for CloudWatch alarms that arrive through Amazon SNS,
// with signatures of version 1 or 2. SNS repeats a message to an HTTP endpoint for
// an hour at most, under the time of the first try, hence the window. It fails
// with amend.Invalid for a topic that is none.
func NewSNS(cfg SNSConfig) (Source, error) {
	if cfg.Transport == nil {
		cfg.Transport = PublicTransport()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Limits.NoRequests = true
	s := &sns{hosts: map[string]string{}, certificates: newCertificates(cfg.Transport, cfg.Now), limits: cfg.Limits}
	for _, topic := range cfg.Topics {
		host, ok := snsHost(topic)
		if !ok {
			return Source{}, amend.Errorf(amend.Invalid, "read SNS topic", "%q is not the ARN of a standard topic, arn:aws:sns:REGION:ACCOUNT:NAME", topic)
		}
		s.hosts[topic] = host
	}
	return Source{Name: "sns", Bytes: 1 << 20, Window: 70 * time.Minute, Expected: expectedSNS, Open: s.open}, nil
}

// topicARN has three groups: partition and region are what the host is made of.
var topicARN = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2,4}(?:-[a-z]{2,12}){1,2}-[0-9]{1,2}):[0-9]{12}:[A-Za-z0-9_-]{1,256}$`)
})

// snsHost returns the host of SNS in the region of a topic.
func snsHost(topic string) (string, bool) {
	m := topicARN().FindStringSubmatch(topic)
	if m == nil {
		return "", false
	}
	domain := ".amazonaws.com"
	if m[1] == "aws-cn" {
		domain += ".cn"
	}
	return "sns." + m[2] + domain, true
}

// An sns knows the topics and the certificates of their regions.
type sns struct {
	hosts        map[string]string // topic -> host of SNS in its region
	certificates *certificates
	limits       alert.Limits
}

// A message is what SNS posts. SubscribeURL is part of what is signed and is never
// followed.
type message struct {
	Type, MessageID, TopicArn, Message, Timestamp string
	Subject                                       *string
	Token, SubscribeURL                           string
	SignatureVersion, Signature, SigningCertURL   string
}

// messageID has no line breaks: with them it could swallow the field that is signed
// behind it, and a replay would have an id of its own.
var messageID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

func (s *sns) open(ctx context.Context, _ http.Header, body []byte) (Delivery, error) {
	var m message
	if err := decode(bytes.NewReader(body), s.limits, &m); err != nil {
		return Delivery{}, err
	}
	if m.Signature == "" || m.Timestamp == "" || m.MessageID == "" {
		return Delivery{}, Refusal(Unsigned)
	}
	if !messageID.MatchString(m.MessageID) {
		return Delivery{}, Refusal(Signature)
	}
	host, listed := s.hosts[m.TopicArn]
	if !listed {
		return Delivery{}, Refusal(Topic)
	}
	address, ok := certificateAddress(m.SigningCertURL, host)
	if !ok {
		return Delivery{}, Refusal(Address)
	}
	key, err := s.certificates.key(ctx, address)
	if err != nil {
		return Delivery{}, err
	}
	if !m.signedBy(key) {
		return Delivery{}, Refusal(Signature)
	}
	return s.read(m, host)
}

// certificatePath is how SNS names its certificates.
var certificatePath = regexp.MustCompile(`^/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem$`)

// certificateAddress returns the address of a certificate, built anew out of the
// host that the topic implies, and whether the one in the message is the same.
func certificateAddress(given, host string) (string, bool) {
	u, err := url.Parse(given)
	if err != nil || !certificatePath.MatchString(u.Path) {
		return "", false
	}
	address := "https://" + host + u.Path
	return address, given == address
}

// signedBy reports whether the key made the signature. Version 1 is with SHA-1: to
// misuse a collision one has to be allowed to publish to the topic, and who is may
// publish anyway.
func (m message) signedBy(key *rsa.PublicKey) bool {
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil {
		return false
	}
	text := m.signed()
	switch m.SignatureVersion {
	case "1":
		sum := sha1.Sum(text)
		return rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature) == nil
	case "2":
		sum := sha256.Sum256(text)
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

// The types of messages.
const (
	snsNotification = "Notification"
	snsSubscription = "SubscriptionConfirmation"
	snsUnsubscribed = "UnsubscribeConfirmation"
)

// signed returns the text that SNS signs: names and values of some fields, a line
// each, in the order of the names.
func (m message) signed() []byte {
	pairs := []string{"Message", m.Message, "MessageId", m.MessageID}
	switch {
	case m.Type != snsNotification:
		pairs = append(pairs, "SubscribeURL", m.SubscribeURL)
	case m.Subject != nil:
		pairs = append(pairs, "Subject", *m.Subject)
	}
	pairs = append(pairs, "Timestamp", m.Timestamp)
	if m.Type != snsNotification {
		pairs = append(pairs, "Token", m.Token)
	}
	pairs = append(pairs, "TopicArn", m.TopicArn, "Type", m.Type)
	return []byte(strings.Join(pairs, "\n") + "\n")
}

// read returns what a message whose signature is right says.
func (s *sns) read(m message, host string) (Delivery, error) {
	at, err := time.Parse(time.RFC3339, m.Timestamp)
	if err != nil {
		return Delivery{}, invalid("the timestamp is not a time")
	}
	d := Delivery{ID: m.MessageID, SentAt: at, Credential: m.TopicArn}
	switch m.Type {
	case snsNotification:
		d.Alerts, d.Rejected, err = decodeAlarm(m.Message, s.limits)
		return d, err
	case snsSubscription:
		address := "https://" + host + "/?" + url.Values{"Action": {"ConfirmSubscription"}, "TopicArn": {m.TopicArn}, "Token": {m.Token}}.Encode()
		d.Confirm = func(ctx context.Context) error {
			_, err := s.certificates.get(ctx, address)
			return err
		}
		return d, nil
	case snsUnsubscribed:
		d.Rejected = rejected("it says that the subscription was deleted")
		return d, nil
	}
	return Delivery{}, invalid("the type of the message is unknown")
}
