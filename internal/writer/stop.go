package writer

import (
	"context"
	"errors"
	"io/fs"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// checkStop refuses when the files hold the kill switch.
func checkStop(files fs.FS) error {
	switch _, err := fs.Stat(files, pipeline.StopFile); {
	case err == nil:
		return amend.Refusef(amend.ReasonKillSwitch, "the env repo holds %s, so nothing is changed; remove the file to let amend act again", pipeline.StopFile)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// checkStopNow refuses when the branch holds the kill switch at this moment,
// whatever was read of it before.
func (w *Writer) checkStopNow(ctx context.Context) error {
	head, err := w.cfg.Host.Head(ctx, w.cfg.Branch)
	if err != nil {
		return err
	}
	if err := w.need(ctx, head); err != nil {
		return err
	}
	files, err := w.cfg.Repo.Tree(head)
	if err != nil {
		w.doubtful = true
		return err
	}
	return checkStop(files)
}
