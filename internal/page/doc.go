// Package page shows people what amend does: what is open, what was done and
// whether it helped, what needs a person, and each of them with its thread.
//
// The pages are made on the server, need no JavaScript, and change nothing. What
// is shown is worked out by pure functions (Overview, Incident) of what a Source
// tells; the same values are given as JSON. Everything in them may quote an
// alert, so it reaches HTML through html/template only.
//
//	GET /               the overview; ?page=N turns the list of changes
//	GET /incident/{id}  the threads of an incident or an event id
//	GET /api/overview, GET /api/incident/{id}   the same as JSON
//	GET /style.css /icon.svg
//
// The first two answer in JSON too when that is all that Accept asks for. There is
// no login here: whoever serves the pages says who may see them.
package page
