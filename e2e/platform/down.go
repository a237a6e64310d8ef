package platform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopDaemons ends all daemons but containerd, which removePods still needs:
// the ones that start pods first, etcd last.
func (p *Platform) stopDaemons(ctx context.Context) error {
	names, err := p.at.daemonNames()
	last := []string{"kube-apiserver", "etcd"}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "containerd" || slices.Contains(last, n) })
	problems := err
	for _, name := range append(names, last...) {
		problems = errors.Join(problems, p.at.stop(ctx, name, 10*time.Second))
	}
	return problems
}

// removePods ends every process of a pod and of containerd. What containerd no
// longer answers for is found by the control group and by its socket.
func (p *Platform) removePods(ctx context.Context) error {
	if _, alive := p.at.alive("containerd"); alive {
		if tasks, err := p.ctrOutput(ctx, "tasks", "ls", "-q"); err == nil && tasks != "" {
			// The answer does not matter: what is left is killed below.
			_ = p.ctr(ctx, append([]string{"tasks", "rm", "-f"}, strings.Fields(tasks)...)...)
		}
	}
	problems := p.at.stop(ctx, "containerd", 10*time.Second)
	return errors.Join(problems, poll(ctx, 20*time.Second, func(context.Context) error {
		left := p.processes()
		for pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(left) > 0 {
			return fmt.Errorf("%d processes do not end", len(left))
		}
		return nil
	}))
}

// processes returns what each process of the platform is, by its id: the
// programs of its folder, the shims of its containerd, and all that runs in
// its pods. A command that merely names the folder is none of them.
func (p *Platform) processes() map[int]string {
	found := map[int]string{}
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range entries {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if _, state := processStart(pid); pid == os.Getpid() || state == "Z" || state == "" {
			continue
		}
		program, _ := os.Readlink(filepath.Join(dir, "exe"))
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		switch {
		case filepath.Dir(program) == p.at.Bin,
			strings.HasPrefix(filepath.Base(program), "containerd") && strings.Contains(string(command), p.at.Run),
			strings.Contains(string(groups), ":/"+cgroup+"/"):
			found[pid] = program
		}
	}
	return found
}

// mounts lists the mount points below the folder of the run, the deepest first.
func (p *Platform) mounts() ([]string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return mountsBelow(string(text), p.at.Run), nil
}

// mountsBelow reads the mount points below a folder out of the text of a
// mountinfo (proc(5)), the deepest first.
func mountsBelow(mountinfo, folder string) (points []string) {
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], folder+"/") {
			points = append(points, fields[4])
		}
	}
	slices.Reverse(points) // a mount is listed after the one it lies on
	return points
}

// removeMounts unmounts file systems and network namespaces. A namespace goes
// with its last mount, and its end of the pod's cable with it.
func (p *Platform) removeMounts() error {
	points, err := p.mounts()
	problems := err
	for _, point := range points {
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			problems = errors.Join(problems, fmt.Errorf("unmounting %s: %w", point, err))
		}
	}
	return problems
}

// cgroups lists our control groups, the deepest first.
func cgroups() ([]string, error) {
	roots, err := cgroupRoots()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, root := range roots {
		err := filepath.WalkDir(filepath.Join(root, cgroup), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && d.IsDir() {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Reverse(found)
	return found, nil
}

func removeCgroups() error {
	groups, err := cgroups()
	problems := err
	for _, group := range groups {
		// The kernel frees a group a moment after its last process is gone.
		problems = errors.Join(problems, poll(context.Background(), 5*time.Second, func(context.Context) error {
			if err := os.Remove(group); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}))
	}
	return problems
}

// strayFiles are the files of a run whose place no setting moves: the kubelet's
// links to the logs of containers, its socket for device plugins, and the
// results that the CNI library caches. The last two carry no name of ours; they
// are taken for ours because up refuses a machine that has any.
func strayFiles() []string {
	var found []string
	links, _ := filepath.Glob("/var/log/containers/*.log")
	for _, link := range links {
		target, _ := os.Readlink(link)
		if strings.Contains(target, filepath.Join(".build", "platform", "run")) {
			found = append(found, link)
		}
	}
	for _, pattern := range []string{
		"/var/lib/kubelet/device-plugins/kubelet.sock",
		"/var/lib/cni/results/" + network + "-*", "/var/lib/cni/results/cni-loopback-*",
	} {
		paths, _ := filepath.Glob(pattern) // fails only for a malformed pattern
		found = append(found, paths...)
	}
	return found
}

// strayFolders are made by programs even where they then hold nothing; the
// deepest first. Removing one that holds something fails, as it should.
var strayFolders = []string{
	"/var/lib/kubelet/device-plugins", "/var/lib/kubelet", "/var/log/containers",
	"/var/lib/cni/results", "/var/lib/cni", "/run/containerd/s", "/run/containerd",
}

// leftovers names everything of a platform that is on the machine now. It is
// also how up knows that the machine is free.
func (p *Platform) leftovers(ctx context.Context) ([]string, error) {
	var left []string
	for pid, program := range p.processes() {
		left = append(left, fmt.Sprintf("process %d (%s)", pid, program))
	}
	points, problems := p.mounts()
	for _, point := range points {
		left = append(left, "mount "+point)
	}
	groups, err := cgroups()
	problems = errors.Join(problems, err)
	for _, group := range groups {
		left = append(left, "control group "+group)
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		saved, err := p.savedRules(ctx, family)
		problems = errors.Join(problems, err)
		if n := len(ourRules(saved)); n > 0 {
			left = append(left, fmt.Sprintf("%d lines of %s", n, family))
		}
	}
	has, err := p.hasAddress(ctx)
	problems = errors.Join(problems, err)
	if has {
		left = append(left, "address "+address)
	}
	if hasBridge() {
		left = append(left, "bridge "+bridge)
	}
	return append(left, strayFiles()...), problems
}
