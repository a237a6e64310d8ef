package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/argocd"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/verify"
	"github.com/amendhq/amend/internal/writer"
)

// argocdFlags say which API server of Argo CD has to agree with changes.
type argocdFlags struct{ server, tokenFile, caFile, sourceRepo string }

func (f *argocdFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.server, "argocd-server", "", "address of Argo CD's API server; it then has to render every change as proved before the change lands")
	fs.StringVar(&f.tokenFile, "argocd-token-file", "", "file with a token of an account that may get the Applications")
	fs.StringVar(&f.caFile, "argocd-ca-file", "", "file with the certificates that the server's is signed by (default: the system's)")
	fs.StringVar(&f.sourceRepo, "argocd-repo", "", "address of the env repo as the Applications name it (default: --repo)")
}

// prover is nil when no server is named: then changes land on the proofs that
// are made in this process.
func (f argocdFlags) prover(repo, branch string, log *slog.Logger) (writer.Prover, error) {
	if f.server == "" {
		if f != (argocdFlags{}) {
			return nil, amend.Errorf(amend.Invalid, "--argocd-server", "it is required with the other flags of Argo CD")
		}
		return nil, nil
	}
	if f.tokenFile == "" {
		return nil, amend.Errorf(amend.Invalid, "--argocd-token-file", "it is required with --argocd-server")
	}
	client, err := argocd.New(argocd.Config{URL: f.server, TokenFile: f.tokenFile, CAFile: f.caFile})
	if err != nil {
		return nil, err
	}
	warnInClear(log, f.server)
	if f.sourceRepo != "" {
		repo = f.sourceRepo
	}
	return proofreader{verify.Prover{Argo: client, Repo: repo, Branch: branch, Compare: locate.CheckRenders}}, nil
}

// A proofreader is Argo CD as the writer wants it.
type proofreader struct{ argo verify.Prover }

// Prove implements writer.Prover.
func (p proofreader) Prove(ctx context.Context, proof writer.Proof) error {
	return p.argo.Prove(ctx, verify.Proposal{Base: proof.Base, Commit: proof.Commit, Changes: proof.Changes})
}

// ownersFor is how long Applications that were listed are taken to be live
// still. A storm of alerts must not list them for each.
const ownersFor = 10 * time.Second

// A registrar is the cluster as the writer wants it.
type registrar struct{ owners *kube.Owners }

func newRegistrar(cluster *kube.Client, namespace string) registrar {
	return registrar{kube.NewOwners(cluster, namespace, ownersFor, time.Now)}
}

// Owner implements writer.Owners. Whatever is no refusal with a reason may pass,
// such as a permission that is still to be granted.
func (r registrar) Owner(ctx context.Context, object amend.ObjectRef) ([]byte, error) {
	owned, err := r.owners.Owner(ctx, object, "")
	if err != nil && amend.ReasonOf(err) == "" {
		return nil, amend.Errorf(amend.Transient, "ask the cluster for the owner", "%w", err)
	}
	return owned.Live, err
}
