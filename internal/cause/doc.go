// Package cause finds the commit of an env repo that is most likely behind an
// alert: one that changed how the workload is rendered, or what a ConfigMap that
// it reads holds, shortly before the trouble began.
//
// It renders the workload before and after each commit that touched what it is
// rendered from, so a commit to a shared base counts and one to white space, to
// another workload or to a value that nobody reads does not. What landed on the
// branch counts, at the time when Argo CD deployed it where that is known, and
// at the time of the commit where it is not. Times of authors are never asked.
//
// Every commit that changed the workload within the window, and whose change was
// still in force when the trouble began, is a candidate with a weight:
//
//	weight = time × deployed × field × origin ÷ (1 + commits before it that did not render)
//
//	time      1h ÷ (1h + how long before the trouble it took effect)
//	deployed  1 when the deploy history holds it, 0.8 when there is none
//	field     the weight of the kind of field, from 1 for an image to 0.1 for a
//	          label (see Kind); times 0.9 when it does not fit the alert's name;
//	          times 0.1 when it only went back to what ran before in the window
//	origin    0.5 for a commit of amend itself, and 1 for any other
//
// Its confidence is its weight times its share of all weights: it falls with
// every other candidate, and two equal ones are at half of what each would be by
// itself. A candidate is named when its confidence is at least 0.15 and no other
// comes within 15% of its weight. Otherwise the Result says that there are
// several, that none is likely, or that nothing changed: it never picks one of
// equals.
//
// The package asks nobody and knows no clock: history and files come through
// History, and the same question about the same history has the same answer.
package cause
