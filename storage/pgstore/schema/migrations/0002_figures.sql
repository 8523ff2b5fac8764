-- What servers have counted, a few rows for each: its bytes are written whole once a minute.
CREATE TABLE figures (
	name   bytea PRIMARY KEY,
	record bytea NOT NULL
);
