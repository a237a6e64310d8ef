package kube

import (
	"context"
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/amendhq/amend"
)

// callTimeout ends one request, repeats on the server's demand included.
const callTimeout = 15 * time.Second

// The groups and versions of the objects that are read and written.
var (
	authentication = schema.GroupVersion{Group: "authentication.k8s.io", Version: "v1"}
	authorization  = schema.GroupVersion{Group: "authorization.k8s.io", Version: "v1"}
	argo           = schema.GroupVersion{Group: "argoproj.io", Version: "v1alpha1"}
	own            = schema.GroupVersion{Group: Group, Version: Version}
)

// A Client talks to one Kubernetes API server. It is safe for concurrent use.
// Every error has an amend.Kind: NotFound, Conflict when somebody else wrote
// first, Invalid when the server does not accept the object, Refused when the
// client lacks a permission (the message names it), and Transient when the
// server could not be asked.
type Client struct {
	authentication, authorization, argo, own rest.Interface
}

// New returns a client for the cluster that the process runs in, by its service
// account, or for the current context of the kubeconfig file when one is given.
// It sends nothing.
func New(kubeconfig string) (*Client, error) {
	return connect(config(kubeconfig))
}

// Open returns a client for a person at a terminal, as kubectl finds the
// cluster: by the kubeconfig file if it is not empty, or else by $KUBECONFIG or
// ~/.kube/config, or else as a pod; and by its current context unless another
// one is named. It sends nothing.
func Open(kubeconfig, context string) (*Client, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: context}
	return connect(clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig())
}

func connect(cfg *rest.Config, err error) (*Client, error) {
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "configure kubernetes", "%w", err)
	}
	cfg.UserAgent = "amend"
	cfg.Timeout = callTimeout
	cfg.QPS = -1 // the server's priority and fairness decides, not a guess of the client
	cfg.WarningHandler = rest.NoWarnings{}
	cfg.ContentType, cfg.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	cfg.NegotiatedSerializer = statusCodecs()
	cfg.APIPath = "/apis"
	http, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "configure kubernetes", "%w", err)
	}
	c := &Client{}
	for client, gv := range map[*rest.Interface]schema.GroupVersion{
		&c.authentication: authentication, &c.authorization: authorization, &c.argo: argo, &c.own: own,
	} {
		cfg.GroupVersion = &gv
		if *client, err = rest.RESTClientForConfigAndClient(cfg, http); err != nil {
			return nil, amend.Errorf(amend.Invalid, "configure kubernetes", "%w", err)
		}
	}
	return c, nil
}

func config(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}

// statusCodecs know metav1.Status only: the one object that client-go decodes
// itself, to tell errors apart.
func statusCodecs() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return serializer.NewCodecFactory(scheme).WithoutConversion()
}

// do sends a request, with in as its JSON body unless that is nil, and decodes
// the answer into out unless that is nil.
func do(ctx context.Context, op string, req *rest.Request, in, out any) error {
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return amend.Errorf(amend.Internal, op, "%w", err)
		}
		req = req.SetHeader("Content-Type", runtime.ContentTypeJSON).Body(body)
	}
	if err := req.Error(); err != nil {
		return amend.Errorf(amend.Invalid, op, "%w", err)
	}
	answer := req.Do(ctx)
	if err := answer.Error(); err != nil {
		return classify(op, err)
	}
	if out == nil {
		return nil
	}
	body, err := answer.Raw()
	if err != nil {
		return classify(op, err)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return amend.Errorf(amend.Transient, op, "the answer is not what the API promises: %w", err)
	}
	return nil
}
