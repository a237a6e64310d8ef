package jsonnet

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/amendhq/amend"
)

// An Engine answers questions about Jsonnet, each in a process of its own. One
// runs at a time, so that the limits hold for all together. It is safe for
// concurrent use.
type Engine struct {
	args []string
	mu   sync.Mutex
}

// NewEngine returns an Engine whose processes are this program, started again
// with these arguments. With them it must call Work and end; nothing else is
// written to its standard output.
func NewEngine(args ...string) *Engine { return &Engine{args: args} }

// Evaluate returns the JSON that each file of the program evaluates to, and the
// time of the processor that it took. Files are read with read, which reports
// false for a file that is not there and may refuse. A program that fails, or
// does not end within the limit of that time and of memory, is refused with
// ReasonUnproven.
func (e *Engine) Evaluate(ctx context.Context, limit time.Duration, p Program, read func(string) ([]byte, bool, error)) ([][]byte, time.Duration, error) {
	a, spent, err := e.ask(ctx, limit, request{Program: &p}, read)
	if err != nil {
		return nil, spent, err
	}
	if len(a.Outputs) != len(p.Files) {
		return nil, spent, amend.Errorf(amend.Internal, "jsonnet", "%d answers for %d files", len(a.Outputs), len(p.Files))
	}
	outputs := make([][]byte, len(a.Outputs))
	for i, out := range a.Outputs {
		outputs[i] = out
	}
	return outputs, spent, nil
}

// Parse is the function Parse for several files, in a process of its own. A file
// that does not parse is refused with ReasonUnproven.
func (e *Engine) Parse(ctx context.Context, limit time.Duration, sources []Source) ([]Outline, time.Duration, error) {
	a, spent, err := e.ask(ctx, limit, request{Parse: sources}, nil)
	if err == nil && len(a.Outlines) != len(sources) {
		err = amend.Errorf(amend.Internal, "jsonnet", "%d answers for %d files", len(a.Outlines), len(sources))
	}
	return a.Outlines, spent, err
}

// ask has one process answer one question, and returns the time that it took.
func (e *Engine) ask(ctx context.Context, limit time.Duration, q request, read func(string) ([]byte, bool, error)) (answer, time.Duration, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if limit <= 0 {
		return answer{}, 0, errTime()
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	cmd, in, out, err := e.start(ctx)
	if err != nil {
		return answer{}, 0, amend.Errorf(amend.Transient, "jsonnet", "starting a process of this program: %w", err)
	}
	q.Limit = limit
	a, err := converse(in, out, q, read)
	late := ctx.Err() != nil
	cancel()       // it has nothing more to say
	_ = cmd.Wait() // says that it was killed
	spent := limit // where nobody tells, as children are ignored
	if state := cmd.ProcessState; state != nil {
		spent = state.UserTime() + state.SystemTime()
	}
	var ours *amend.Error
	switch {
	case late:
		return answer{}, limit, errTime()
	case err != nil && !errors.As(err, &ours): // it ended in the middle of its answer
		return answer{}, spent, errTime()
	}
	return a, spent, err
}

// start starts this program again, with nothing of its environment.
func (e *Engine) start(ctx context.Context) (*exec.Cmd, io.Writer, io.Reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	cmd := exec.CommandContext(ctx, self, e.args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = []string{}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	return cmd, in, out, cmd.Start()
}

// converse writes the question, gives the files that are asked for, and returns
// the last answer.
func converse(in io.Writer, out io.Reader, q request, read func(string) ([]byte, bool, error)) (answer, error) {
	say, hear := json.NewEncoder(in), json.NewDecoder(out)
	if err := say.Encode(q); err != nil {
		return answer{}, err
	}
	for {
		var a answer
		if err := hear.Decode(&a); err != nil {
			return answer{}, err
		}
		switch {
		case a.Ended:
			return answer{}, amend.Refusef(amend.ReasonUnproven, "%w: %s", ErrLimit, a.Refusal)
		case a.Refusal != "":
			return answer{}, amend.Refusef(amend.ReasonUnproven, "%w", amend.Private(errors.New(a.Refusal)))
		case a.Read == "":
			return a, nil
		}
		data, found, err := read(a.Read)
		if err != nil {
			return answer{}, err
		}
		if err := say.Encode(content{Found: found, Data: data}); err != nil {
			return answer{}, err
		}
	}
}

// ErrLimit is in the chain of the refusal of a program that was ended.
var ErrLimit = errors.New("the program does more than any program needs")

func errTime() error {
	return amend.Refusef(amend.ReasonUnproven, "%w: its time is over, or it nests too deep", ErrLimit)
}
