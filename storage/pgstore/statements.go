package pgstore

import "maps"

// statements are all statements that the package runs on data, by name. Each stands as a
// variable beside the code that runs it. Migrations and days are in package schema.
var statements = map[string]string{}

// statement registers a statement under a name, "accept.event", and returns its text.
func statement(name, sql string) string {
	if _, taken := statements[name]; taken {
		panic("two statements are named " + name)
	}
	statements[name] = sql
	return sql
}

// Statements returns the text of every statement by its name, for checks of what they may
// contain.
func Statements() map[string]string { return maps.Clone(statements) }
