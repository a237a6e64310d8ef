// Package sns publishes to topics of Amazon SNS, from where people are told by
// e-mail, text message, or any program that is subscribed.
//
// The credential is what the AWS SDK finds by itself: the environment, the
// shared files, or the role of the pod. It needs the permission sns:Publish.
package sns

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/secret"
)

// Via is the kind of place that the package is for, in approval.Step.
const Via = "sns"

// callTimeout ends one request; SDK and desk try again.
const callTimeout = 10 * time.Second

// A subject has at most 100 characters of ASCII.
const maxSubject = 100

// A Client publishes. A place is the name of a topic; the file sns-NAME of the
// folder holds its ARN, which names its region too.
type Client struct{ dir string }

// New returns a client that reads ARNs from a folder.
func New(dir string) *Client { return &Client{dir: dir} }

// Ask publishes a question and returns the topic's id of the message.
func (c *Client) Ask(ctx context.Context, topic string, q approval.Question) (string, error) {
	return c.publish(ctx, topic, q, approval.Outcome{State: approval.Waiting})
}

// Tell publishes what a question has come to.
func (c *Client) Tell(ctx context.Context, topic, _ string, q approval.Question, o approval.Outcome) error {
	_, err := c.publish(ctx, topic, q, o)
	return err
}

func (c *Client) publish(ctx context.Context, topic string, q approval.Question, o approval.Outcome) (string, error) {
	arn, err := secret.Read(filepath.Join(c.dir, Via+"-"+topic))
	if err != nil {
		return "", err
	}
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[2] != "sns" || parts[3] == "" {
		return "", amend.Errorf(amend.Invalid, "publish to SNS", "the file %s-%s holds no ARN of a topic", Via, topic)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(parts[3]), config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTimeout)))
	if err != nil {
		return "", amend.Errorf(amend.Invalid, "publish to SNS", "%w", err)
	}
	attribute := func(value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	out, err := sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{
		TopicArn: &arn, Subject: aws.String(subject(q.Title)), Message: aws.String(q.Letter(o)),
		MessageAttributes: map[string]types.MessageAttributeValue{"matter": attribute(q.Matter), "state": attribute(string(o.State))},
	})
	if err != nil {
		return "", typed(err)
	}
	return aws.ToString(out.MessageId), nil
}

// subject is a title as SNS takes it: ASCII, and no control characters.
func subject(title string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, message.Plain(title, 4*maxSubject))
	return "amend: " + strings.TrimSpace(ascii[:min(len(ascii), maxSubject-len("amend: "))])
}

// typed sorts an error of the SDK: what the service does not take from the
// caller stays wrong, and all else may pass.
func typed(err error) error {
	var said smithy.APIError
	if errors.As(err, &said) && said.ErrorFault() == smithy.FaultClient && !strings.Contains(said.ErrorCode(), "Throttl") {
		return amend.Errorf(amend.Invalid, "publish to SNS", "%s: %.200s", said.ErrorCode(), said.ErrorMessage())
	}
	return amend.Errorf(amend.Transient, "publish to SNS", "%w", err)
}
