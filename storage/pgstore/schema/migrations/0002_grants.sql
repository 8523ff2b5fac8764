-- Sessions of browsers, and the links that become sessions. A logo stands apart from the
-- record, because lists do not read it.
CREATE TABLE access_grant (
	id     bytea PRIMARY KEY,
	ends   int8 NOT NULL, -- Unix milliseconds: it has no effect from then on
	record bytea NOT NULL,
	logo   bytea NOT NULL
);
CREATE INDEX access_grant_ends ON access_grant (ends);
