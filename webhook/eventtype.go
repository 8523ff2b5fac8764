package webhook

// EventType is an entry of the registry of event types.
type EventType struct {
	Name        string
	Description string
}

// DefaultEventTypes are the types that a new registry starts with.
func DefaultEventTypes() []EventType {
	return []EventType{
		{"user.created", "A user has signed up."},
		{"user.updated", "A user's profile or settings have changed."},
		{"user.subscription_changed", "A user's subscription has started, changed or ended."},
		{"content.published", "A piece of content has been published."},
		{"content.updated", "A published piece of content has changed."},
		{"report.generated", "A report that was asked for is ready."},
		{"business.created", "A business has been added."},
		{"business.updated", "A business's details have changed."},
		{"business.analysis_completed", "The analysis of a business is complete."},
		{"astro_engine.chart_generated", "The astrology engine has calculated a chart."},
		{"astro_ratan.interaction_completed", "A conversation with Astro Ratan has ended."},
	}
}
