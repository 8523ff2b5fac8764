package app

import "github.com/corpastro/astrohook/webhook"

// defaultEventTypes are the types that an empty registry starts with: those of the
// product that this server was built for. An administrator changes the registry
// through the API; a start never adds types to one that has any.
var defaultEventTypes = []webhook.EventType{
	{Name: "user.created", Description: "A user has signed up."},
	{Name: "user.updated", Description: "A user's profile or settings have changed."},
	{Name: "user.subscription_changed", Description: "A user's subscription has started, changed or ended."},
	{Name: "content.published", Description: "A piece of content has been published."},
	{Name: "content.updated", Description: "A published piece of content has changed."},
	{Name: "report.generated", Description: "A report that was asked for is ready."},
	{Name: "business.created", Description: "A business has been added."},
	{Name: "business.updated", Description: "A business's details have changed."},
	{Name: "business.analysis_completed", Description: "The analysis of a business is complete."},
	{Name: "astro_engine.chart_generated", Description: "The astrology engine has calculated a chart."},
	{Name: "astro_ratan.interaction_completed", Description: "A conversation with Astro Ratan has ended."},
}
