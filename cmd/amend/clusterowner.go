package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/locate"
)

// clusterFlags say which cluster knows the owner of an object.
type clusterFlags struct {
	ask                 bool
	kubeconfig, context string
	namespace           string
}

func (f *clusterFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&f.ask, "cluster", false, "ask the cluster which Application owns the object, and what it is like now")
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "with --cluster: how to reach it (default: as kubectl does)")
	fs.StringVar(&f.context, "context", "", "with --cluster: context of the kubeconfig")
	fs.StringVar(&f.namespace, "argocd-namespace", kube.ArgoCDNamespace, "with --cluster: namespace of the Applications; empty for all")
}

// owner completes a query with what the cluster knows. For an object that a
// controller made, the query becomes one for what it was made from, and the hop
// to that is returned.
func (f *clusterFlags) owner(ctx context.Context, q *locate.Query) ([]locate.Hop, error) {
	if !f.ask {
		if *f != (clusterFlags{namespace: kube.ArgoCDNamespace}) {
			return nil, amend.Errorf(amend.Invalid, "--cluster", "it is required with the other flags of a cluster")
		}
		return nil, nil
	}
	if q.Root != "" || q.Live != nil {
		return nil, amend.Errorf(amend.Invalid, "--cluster", "it tells the owner of the object, and neither --path nor a file of --application can be given with it")
	}
	client, err := kube.Open(f.kubeconfig, f.context)
	if err != nil {
		return nil, err
	}
	owned, err := kube.NewOwners(client, f.namespace, 0, time.Now).Owner(ctx, q.Object, q.Application)
	if err != nil {
		return nil, err
	}
	asked := q.Object
	q.Object, q.Field, q.Live = owned.Object, owned.Field(q.Field), owned.Live
	if asked == owned.Object {
		return nil, nil
	}
	return []locate.Hop{{Controls: asked.String(), Object: q.Object.String(), Field: q.Field.String()}}, nil
}
