package platform

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
)

// What a person says about a cluster that is not the platform's own, as
// variables of the environment.
const (
	kubeconfigVariable = "KUBECONFIG"
	imagesVariable     = "E2E_IMAGES"
	addressVariable    = "E2E_ADDRESS"
	busVariable        = "E2E_BUS"
)

// A Site is where tests run, and what they find there.
type Site struct {
	Kubeconfig string
	// Address is where pods reach a server that a test runs on this machine.
	Address string
	// Images is what the names of the images begin with that are there for tests.
	Images string
	// Bus is a NATS server for an EventBus of the kind jetstreamExotic. Where it
	// is empty, Argo Events has to run one in the cluster.
	Bus string
	// Own is the platform whose cluster it is; nil for a cluster of somebody
	// else's, whose machine, bus and controllers nobody here may touch.
	Own *Platform
}

// FindSite reads from the environment where tests are to run: on the platform
// of the repository at root when KUBECONFIG names its cluster, or else on the
// cluster that it does name, with what E2E_IMAGES, E2E_ADDRESS and E2E_BUS say
// about it. Its error says which of them is missing.
func FindSite(root string, getenv func(string) string, log *slog.Logger) (*Site, error) {
	own, err := New(root, log)
	if err != nil {
		return nil, err
	}
	kubeconfig := getenv(kubeconfigVariable)
	if own.Has(kubeconfig) {
		return &Site{Kubeconfig: kubeconfig, Address: OwnAddress, Images: OwnImages, Bus: OwnBus, Own: own}, nil
	}
	site := &Site{
		Kubeconfig: kubeconfig, Address: getenv(addressVariable), Images: getenv(imagesVariable), Bus: getenv(busVariable),
	}
	if site.Images == "" {
		return nil, errors.New("on a cluster that is not the platform's, " + imagesVariable +
			" has to say where its nodes pull the images of `make e2e-images` from, such as registry.example.com/amend-e2e")
	}
	if site.Address == "" {
		if site.Address, err = addressTowards(kubeconfig); err != nil {
			return nil, err
		}
	}
	return site, nil
}

// Has reports whether a kubeconfig is the platform's own.
func (p *Platform) Has(kubeconfig string) bool {
	if kubeconfig == p.Kubeconfig() {
		return true
	}
	real, err := filepath.EvalSymlinks(kubeconfig)
	return err == nil && real == p.Kubeconfig()
}

// addressTowards is the address of this machine from which it reaches the API
// server of a kubeconfig: what the cluster, too, reaches it by, unless there is
// address translation between the two.
func addressTowards(kubeconfig string) (string, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return "", err
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		return "", err
	}
	// A UDP socket is bound to an address without a packet being sent.
	conn, err := net.Dial("udp", net.JoinHostPort(server.Hostname(), "9"))
	if err != nil {
		return "", fmt.Errorf("finding the address of this machine that pods reach, which %s may say: %w", addressVariable, err)
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok || local.IP.IsLoopback() {
		return "", fmt.Errorf("the cluster is on this machine, so %s has to say by which address pods reach it", addressVariable)
	}
	return local.IP.String(), nil
}
