package locate

import (
	"crypto/sha256"
	"encoding/hex"
)

// A contentHash stands for the content of a file or a folder: what Git calls it, or a
// SHA-256, of which it holds the first 160 bits. It is an array because the index keeps
// one for each file for as long as amend runs.
type contentHash [20]byte

// none is the hash of what has none: a file that is not there, or was not read.
var none contentHash

func hashOf(data []byte) contentHash {
	sum := sha256.Sum256(data)
	return contentHash(sum[:len(contentHash{})])
}

// fromHex is the fingerprint that a tree tells in hexadecimal digits.
func fromHex(hash string, ok bool) fingerprint {
	if !ok {
		return fingerprint{}
	}
	var room [2 * sha256.Size]byte // for the digits, and then what they stand for
	digits := append(room[:0], hash...)
	if n, err := hex.Decode(digits, digits); err != nil || n < len(contentHash{}) {
		return fingerprint{hashOf([]byte(hash)), true}
	}
	return fingerprint{contentHash(digits[:len(contentHash{})]), true}
}
