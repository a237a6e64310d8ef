// Package bus keeps accepted events until they are decided. It runs a NATS
// JetStream server inside the process, with files in one folder and no port, so
// that the standalone program has the delivery promises of the bus on Argo:
//
//   - Publish returns nil only when every event is written and synced to disk;
//     a full store is an error and never drops an older event.
//   - Consume hands each event out until it was handled, events of one identity
//     one after the other in the order they were published, others in parallel.
//     Delivery is at least once: a handler must bear seeing an event again.
//   - RecordDecision keeps what became of each event for seven days, and ends
//     the event: from then on it is not handed out again.
//
// A process that was killed loses nothing that one of these returned nil for, and
// neither does a machine that lost its power.
//
// What is dear about a message of JetStream, the sync of the disk above all, does
// not depend on its size. So a message holds many events, or many decisions, one a
// line: those of one call, and those of all calls that come while the disk is busy.
// A message of events is removed when the last of them is done. What was just stored is
// handed out from memory, as far as 4 MiB go, and the rest is read. After a crash all
// events of a message that was not removed are read again, and those with a
// recorded decision are left out.
package bus
