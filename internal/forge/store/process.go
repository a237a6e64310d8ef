package store

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os/exec"
	"strings"
)

// A process is one long-lived git command that is talked to over its pipes.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// start runs git in dir. The process belongs to the repository and not to the
// call that needs it first, so no context ends it.
func start(dir string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(context.Background(), "git", args...)}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = dir, Environ(), &p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 64<<10)
	return p, p.cmd.Start()
}

// stop closes the input, on which git ends, and returns what it complained of.
func (p *process) stop() string {
	p.in.Close()
	_ = p.cmd.Wait()
	return strings.TrimSpace(p.stderr.String())
}

// kill is stop for a process that may be in the middle of an answer.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	p.stop()
}
