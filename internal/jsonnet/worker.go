package jsonnet

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"

	"github.com/amendhq/amend"
)

// Work answers the one question that an Engine wrote to r. It is the whole life
// of a process: it changes the limits of the Go runtime, and when it returns
// because the program does too much, the program still runs, so the caller has
// to end the process.
func Work(r io.Reader, w io.Writer) error {
	debug.SetMaxStack(maxStack)
	debug.SetGCPercent(50)
	c := &conversation{in: json.NewDecoder(r), out: json.NewEncoder(w)}
	var q request
	if err := c.in.Decode(&q); err != nil {
		return amend.Errorf(amend.Invalid, "jsonnet", "reading the question: %w", err)
	}
	done := make(chan answer, 1)
	go func() { done <- c.answer(q) }()
	ticks := time.NewTicker(2 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case a := <-done:
			return c.say(a)
		case <-ticks.C:
			if memory() > maxHeap {
				return c.say(answer{Ended: true, Refusal: fmt.Sprintf("it needs more than %d MB", maxHeap>>20)})
			}
			if worked() > q.Limit {
				return c.say(answer{Ended: true, Refusal: fmt.Sprintf("it runs longer than %s", MaxTime)})
			}
		}
	}
}

// memory returns the bytes that this process has from the system.
func memory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// worked returns the time of the processor that this process took.
func worked() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// A conversation is the worker's end of the pipes.
type conversation struct {
	in  *json.Decoder
	mu  sync.Mutex // of out
	out *json.Encoder
}

func (c *conversation) say(a answer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Encode(a)
}

// read asks for a file.
func (c *conversation) read(name string) ([]byte, bool, error) {
	if err := c.say(answer{Read: name}); err != nil {
		return nil, false, err
	}
	var got content
	err := c.in.Decode(&got)
	return got.Data, got.Found, err
}

func (c *conversation) answer(q request) answer {
	if q.Program == nil {
		return parseAll(q.Parse)
	}
	outputs, err := evaluate(*q.Program, c.read)
	if err != nil {
		return answer{Refusal: err.Error()}
	}
	return answer{Outputs: outputs}
}

func parseAll(sources []Source) answer {
	var a answer
	for _, s := range sources {
		o, err := Parse(s.Name, s.Data)
		if err != nil {
			return answer{Refusal: err.Error()}
		}
		a.Outlines = append(a.Outlines, o)
	}
	return a
}
