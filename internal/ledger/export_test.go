package ledger

// The two ways in which ParseLog reads a file.
var (
	ParseOurs = parseOurs
	ParseAny  = parseAny
)
