package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// sysctls are the kernel settings that the kubelet, kube-proxy and the bridge
// plugin write. They are put back by down.
var sysctls = []string{
	"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/all/route_localnet",
	"net/bridge/bridge-nf-call-iptables", "net/ipv4/vs/conntrack",
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// prepareMachine records the kernel settings and adds the address of the
// servers. It refuses a machine on which another Kubernetes runs, because down
// could not tell the chains of the two apart.
func (p *Platform) prepareMachine(ctx context.Context) error {
	record := p.at.run("sysctls.json")
	if _, err := os.Stat(record); errors.Is(err, fs.ErrNotExist) {
		left, err := p.leftovers(ctx)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("run down first, or stop the Kubernetes that uses this machine; found: %s", strings.Join(left, "; "))
		}
		if err := p.recordSysctls(record); err != nil {
			return err
		}
	}
	if has, err := p.hasAddress(ctx); err != nil || has {
		return err
	}
	_, err := p.output(ctx, "ip", "address", "add", address+"/32", "dev", "lo")
	return err
}

func (p *Platform) recordSysctls(path string) error {
	values := map[string]string{}
	for _, name := range sysctls {
		if text, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			values[name] = strings.TrimSpace(string(text))
		}
	}
	text, err := json.Marshal(values)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.at.Run, 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// restoreMachine takes back what a run changed on the machine's network,
// control groups and kernel settings.
func (p *Platform) restoreMachine(ctx context.Context) error {
	problems := errors.Join(p.removeChains(ctx), removeCgroups(), p.restoreSysctls())
	if has, err := p.hasAddress(ctx); err != nil {
		problems = errors.Join(problems, err)
	} else if has {
		_, err := p.output(ctx, "ip", "address", "del", address+"/32", "dev", "lo")
		problems = errors.Join(problems, err)
	}
	if hasBridge() {
		_, err := p.output(ctx, "ip", "link", "del", bridge)
		problems = errors.Join(problems, err)
	}
	return problems
}

func (p *Platform) restoreSysctls() error {
	text, err := os.ReadFile(p.at.run("sysctls.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var values map[string]string
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	var problems error
	for name, value := range values {
		path := filepath.Join("/proc/sys", name)
		if now, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(now)) == value {
			continue
		}
		problems = errors.Join(problems, os.WriteFile(path, []byte(value), 0o644))
	}
	return problems
}

func (p *Platform) hasAddress(ctx context.Context) (bool, error) {
	out, err := p.output(ctx, "ip", "-o", "address", "show", "dev", "lo")
	return strings.Contains(out, " "+address+"/32 "), err
}

func hasBridge() bool {
	_, err := os.Stat("/sys/class/net/" + bridge)
	return err == nil
}

// removeChains deletes the rules and chains of kube-proxy, the kubelet and the
// CNI plugins, and leaves every other rule as it is.
func (p *Platform) removeChains(ctx context.Context) error {
	var problems error
	for _, family := range []string{"iptables", "ip6tables"} {
		saved, err := p.savedRules(ctx, family)
		if err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		if len(ourRules(saved)) == 0 {
			continue
		}
		cmd := exec.CommandContext(ctx, family+"-restore")
		cmd.Stdin = strings.NewReader(withoutOurRules(saved))
		if out, err := cmd.CombinedOutput(); err != nil {
			problems = errors.Join(problems, fmt.Errorf("%s-restore: %w: %s", family, err, out))
		}
	}
	return problems
}

// savedRules is what family-save prints; nothing where it is not installed,
// because then no rule can be ours.
func (p *Platform) savedRules(ctx context.Context, family string) (string, error) {
	if _, err := exec.LookPath(family + "-save"); err != nil {
		return "", nil
	}
	return p.output(ctx, family+"-save")
}

// ourRules returns the lines of saved rules that name a chain of Kubernetes or
// CNI.
func ourRules(saved string) []string {
	var ours []string
	for line := range strings.Lines(saved) {
		if slices.ContainsFunc(strings.Fields(line), isOurChain) {
			ours = append(ours, strings.TrimSpace(line))
		}
	}
	return ours
}

func isOurChain(word string) bool {
	word = strings.TrimPrefix(word, ":")
	return strings.HasPrefix(word, "KUBE-") || strings.HasPrefix(word, "CNI-")
}

func withoutOurRules(saved string) string {
	var rest strings.Builder
	for line := range strings.Lines(saved) {
		if !slices.ContainsFunc(strings.Fields(line), isOurChain) {
			rest.WriteString(line)
		}
	}
	return strings.TrimRight(rest.String(), "\n") + "\n"
}
