// Command node is every program of a single-node Kubernetes in one file: etcd,
// the five Kubernetes programs and the NATS server that is the event bus. The
// first argument names the program, the rest are its own flags. One file is
// linked once instead of seven times, and its packages are compiled once.
package main

import (
	"fmt"
	"os"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	programs := map[string]func(name string, args []string) int{
		"etcd":                    runEtcd,
		"nats":                    runNATS,
		"kube-apiserver":          cobraProgram(apiserver.NewAPIServerCommand),
		"kube-controller-manager": cobraProgram(controllers.NewControllerManagerCommand),
		"kube-scheduler":          cobraProgram(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
		"kubelet":                 cobraProgram(func() *cobra.Command { return kubelet.NewKubeletCommand() }),
		"kube-proxy":              cobraProgram(proxy.NewProxyCommand),
	}
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: node etcd|nats|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kube-proxy [flags]")
		os.Exit(2)
	}
	os.Exit(programs[os.Args[1]](os.Args[1], os.Args[2:]))
}

// cobraProgram runs a Kubernetes command as its own main would. The command is
// built only when it is asked for, because building one registers its flags
// and feature gates for the whole process.
func cobraProgram(build func() *cobra.Command) func(string, []string) int {
	return func(name string, args []string) int {
		os.Args = append([]string{name}, args...)
		return cli.Run(build())
	}
}

func runEtcd(name string, args []string) int {
	etcdmain.Main(append([]string{name}, args...))
	return 0
}

func runNATS(_ string, args []string) int {
	path := "nats.conf"
	if len(args) > 0 {
		path = args[0]
	}
	options, err := server.ProcessConfigFile(path)
	if err != nil {
		fmt.Fprintf(os.Stderr, "nats: reading %s: %v\n", path, err)
		return 2
	}
	bus, err := server.NewServer(options)
	if err != nil {
		fmt.Fprintf(os.Stderr, "nats: %v\n", err)
		return 1
	}
	bus.ConfigureLogger()
	if err := server.Run(bus); err != nil {
		fmt.Fprintf(os.Stderr, "nats: %v\n", err)
		return 1
	}
	bus.WaitForShutdown()
	return 0
}
