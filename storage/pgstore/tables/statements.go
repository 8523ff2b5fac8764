package tables

import "maps"

// statements are all statements that the package runs on data, by name. Each stands as a
// variable beside the code that runs it. Migrations and days are in package schema.
var statements = map[string]string{}

// Statement registers a statement under a name, "accept.event", and returns its text.
func Statement(name, sql string) string {
	if _, taken := statements[name]; taken {
		panic("two statements are named " + name)
	}
	statements[name] = sql
	return sql
}

// Prepared are the statements that the committer's session prepares, by name.
var Prepared = map[string]string{}

// Writing registers a statement of groups. Its parameters need casts, because a session
// prepares it before it knows any.
func Writing(name, sql string) string {
	Prepared[name] = Statement(name, sql)
	return Prepared[name]
}

// Statements returns the text of every statement by its name, for checks of what they may
// contain.
func Statements() map[string]string { return maps.Clone(statements) }
