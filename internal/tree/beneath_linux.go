package tree

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path"
	"runtime"

	"golang.org/x/sys/unix"
)

// open lets the kernel walk a path that it keeps in the folder, by openat2(2) with
// RESOLVE_BENEATH: a link to the outside is refused, as os.Root does.
func (s *still) open(name string, flags uint64) (int, error) {
	if !fs.ValidPath(name) {
		return -1, errSlow
	}
	fd, err := unix.Openat2(int(s.top.Fd()), name, &unix.OpenHow{
		Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	})
	runtime.KeepAlive(s.top)
	if err != nil { // an old kernel or a sandbox among others
		return -1, errSlow
	}
	return fd, nil
}

// read returns the content of a regular file that has some, ErrLarge, or errSlow.
func (s *still) read(name string, most int64) ([]byte, error) {
	fd, err := s.open(name, unix.O_RDONLY|unix.O_NONBLOCK) // not to wait at a pipe
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var info unix.Stat_t
	switch err := unix.Fstat(fd, &info); {
	case err != nil, info.Mode&unix.S_IFMT != unix.S_IFREG, info.Size == 0: // files of /proc say 0
		return nil, errSlow
	case info.Size > most:
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrLarge}
	}
	data := make([]byte, info.Size)
	for rest := data; len(rest) > 0; {
		n, err := unix.Read(fd, rest)
		if err != nil || n == 0 {
			return nil, errSlow
		}
		rest = rest[n:]
	}
	return data, nil
}

// list returns the entries of a folder, in no order, or errSlow.
func (s *still) list(name string) ([]fs.DirEntry, error) {
	fd, err := s.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var entries []fs.DirEntry
	var buf [4096]byte
	for {
		n, err := unix.ReadDirent(fd, buf[:])
		if err != nil {
			return nil, errSlow
		}
		if n == 0 {
			return entries, nil
		}
		if entries, err = s.parse(name, buf[:n], entries); err != nil {
			return nil, err
		}
	}
}

// The places in a record of getdents64(2): its length, the type of the entry, and
// its name, which a zero byte ends.
const direntLength, direntType, direntName = 16, 18, 19

// parse adds the entries of records, but for the folder itself and the one above.
func (s *still) parse(dir string, records []byte, entries []fs.DirEntry) ([]fs.DirEntry, error) {
	for len(records) > 0 {
		record := records[:binary.NativeEndian.Uint16(records[direntLength:])]
		records = records[len(record):]
		name, _, _ := bytes.Cut(record[direntName:], []byte{0})
		if string(name) == "." || string(name) == ".." {
			continue
		}
		e := &dirEntry{files: s, dir: dir, name: string(name)}
		switch record[direntType] {
		case unix.DT_REG:
		case unix.DT_DIR:
			e.mode = fs.ModeDir
		case unix.DT_LNK:
			e.mode = fs.ModeSymlink
		default: // rare, and some file systems do not tell
			return nil, errSlow
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// A dirEntry is an entry of a folder that was listed.
type dirEntry struct {
	files     *still
	dir, name string
	mode      fs.FileMode
}

func (e *dirEntry) Name() string      { return e.name }
func (e *dirEntry) IsDir() bool       { return e.mode.IsDir() }
func (e *dirEntry) Type() fs.FileMode { return e.mode }
func (e *dirEntry) String() string    { return fs.FormatDirEntry(e) }

// Info implements fs.DirEntry. A link is not followed.
func (e *dirEntry) Info() (fs.FileInfo, error) {
	name := path.Join(e.dir, e.name)
	fd, err := e.files.open(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return fs.Lstat(e.files.files, name)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	return f.Stat()
}
