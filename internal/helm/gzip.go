package helm

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// boundGzip refuses a packed chart that unpacks to more than limit bytes,
// before anybody keeps them.
func boundGzip(data []byte, limit int) error {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	n, err := io.CopyN(io.Discard, r, int64(limit)+1)
	if n > int64(limit) {
		return fmt.Errorf("it unpacks to more than %d bytes", maxUnpacked)
	}
	if err != nil && err != io.EOF {
		return err
	}
	return r.Close()
}
