// Command dns answers the names of Services, as the DNS of a cluster does:
// NAME.NAMESPACE.svc.cluster.local is the Service's cluster IP. Every other
// name does not exist, so no query leaves the machine. CoreDNS would be the
// usual program; its module needs versions of gRPC that etcd's does not
// compile with.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	services "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:53", "address to answer on, UDP and TCP")
	kubeconfig := flag.String("kubeconfig", "", "file that gives the right to list Services")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "dns:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	known := factory.Core().V1().Services()
	zone := zone{known.Lister()}
	synced := known.Informer().HasSynced // asking for it registers it
	factory.Start(ctx.Done())
	for !synced() {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
	failed := make(chan error, 2)
	for _, network := range []string{"udp", "tcp"} {
		server := &dns.Server{Addr: listen, Net: network, Handler: zone}
		go func() { failed <- server.ListenAndServe() }()
		defer server.Shutdown()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// zone is what this server knows about.
type zone struct{ services services.ServiceLister }

// ServeDNS answers one query from memory.
func (z zone) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	answer := new(dns.Msg).SetReply(query)
	answer.Authoritative = true
	for _, question := range query.Question {
		address, err := z.address(question.Name)
		if err != nil {
			answer.Rcode = dns.RcodeServerFailure
			if apierrors.IsNotFound(err) {
				answer.Rcode = dns.RcodeNameError
			}
			break
		}
		if question.Qtype == dns.TypeA && address != nil {
			header := dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5}
			answer.Answer = append(answer.Answer, &dns.A{Hdr: header, A: address})
		}
	}
	_ = w.WriteMsg(answer) // who asked is gone, and will ask again
}

// address is the cluster IP behind a name; nil for a Service that has none.
func (z zone) address(name string) (net.IP, error) {
	labels := dns.SplitDomainName(strings.ToLower(name))
	if len(labels) != 5 || strings.Join(labels[2:], ".") != "svc.cluster.local" {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "services"}, name)
	}
	service, err := z.services.Services(labels[1]).Get(labels[0])
	if err != nil {
		return nil, err
	}
	return net.ParseIP(service.Spec.ClusterIP), nil
}
