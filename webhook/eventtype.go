package webhook

// EventType is an entry of the registry of event types.
type EventType struct {
	Name        string
	Description string
}
