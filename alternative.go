package amend

// An Alternative is another answer to the alert of a Plan: one that the policy
// knows of and that was not chosen. It was planned and proved on the same files.
type Alternative struct {
	Action string
	// Why says in a sentence why it was not chosen, for people.
	Why string
	// Edits are what it would change. There are none when it cannot be done, for
	// the Reason and what Detail says.
	Edits  []Edit
	Reason Reason
	Detail string
	// Instead is what to write in place of lines that the Plan wrote, and nothing
	// else, to have this alternative; nil when that is not all.
	Instead *Replacement
}

// A Replacement puts other lines in the place of some lines of a file.
type Replacement struct {
	Path RepoPath
	// Line and EndLine are 1-based and inclusive.
	Line, EndLine int
	// Text are the whole lines that stand there then, each ended by a line feed.
	Text string
}
