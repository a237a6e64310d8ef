// Package bus keeps accepted events until they are decided. It runs a NATS
// JetStream server inside the process, with files in one folder and no port, so
// that the standalone program has the delivery promises of the bus on Argo:
//
//   - Publish returns nil only when every event is written and synced to disk;
//     a full store is an error and never drops an older event.
//   - Consume hands each event out until it was handled, events of one subject
//     one after the other in the order they were published, others in parallel.
//     Delivery is at least once: a handler must bear seeing an event again.
//   - RecordDecision keeps what became of each event for seven days.
//
// A process that was killed loses nothing that Publish returned nil for.
package bus
