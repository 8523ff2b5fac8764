-- Version 1. Every data table has its distribution column in its primary key: part (the
-- endpoint's number modulo 256) or, for what belongs to an event, seq. A nonce is an
-- unsigned number of 32 bits, so that int8 keeps its order. Records are bytes of package
-- storage/record. Names are bytes, because text can hold no NUL.

CREATE TABLE registry (
	one           bool PRIMARY KEY DEFAULT true CHECK (one),
	version       int8 NOT NULL, -- rises with each change of endpoints, event types, API keys
	next_endpoint int8 NOT NULL,
	event_types   int8 NOT NULL, -- the version at which event types changed last
	api_keys      int8 NOT NULL, -- the same of API keys
	-- The largest Seq of any endpoint, and of what was removed: no ID is issued twice.
	last_seq      int8 NOT NULL DEFAULT 0
);
INSERT INTO registry (version, next_endpoint, event_types, api_keys) VALUES (1, 1, 1, 1);

CREATE TABLE node (
	incarnation int8 PRIMARY KEY,
	name        text NOT NULL,
	address     text NOT NULL,
	binary_version text NOT NULL,
	lease_ms    int8 NOT NULL,
	expires     timestamptz NOT NULL,
	applied     int8 NOT NULL,
	leaving     bool NOT NULL
);

-- A row for each connection that writes. Each of its transactions counts itself here
-- first, which fails once fenced is set. pending is what the writer has added to the
-- deliveries that are pending; the sum over all rows is exact.
CREATE TABLE fence (
	incarnation int8,
	slot        int2,
	commits     int8 NOT NULL,
	pending     int8 NOT NULL,
	fenced      bool NOT NULL,
	PRIMARY KEY (incarnation, slot)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
INSERT INTO fence VALUES (0, 0, 0, 0, true); -- takes over the pending of removed rows

CREATE TABLE partition (
	part  int2 PRIMARY KEY,
	owner int8, -- an incarnation; NULL: nobody
	epoch int8 NOT NULL
);
INSERT INTO partition (part, epoch) SELECT part, 0 FROM generate_series(0, 255) AS part;

CREATE TABLE endpoint (
	number     int4 PRIMARY KEY CHECK (number < 67108864), -- the bits above are reserved
	client     bytea NOT NULL,
	changed    int8 NOT NULL, -- the version of registry that it changed with
	deleted_at int8, -- Unix milliseconds; NULL while it is registered
	key_id     bytea NOT NULL, -- the key that encrypts its values; '' for none
	record     bytea NOT NULL
);
CREATE INDEX endpoint_client ON endpoint (client, number);
CREATE INDEX endpoint_changed ON endpoint (changed);
CREATE INDEX endpoint_deleted ON endpoint (deleted_at, number) WHERE deleted_at IS NOT NULL;
CREATE INDEX endpoint_key ON endpoint (key_id, number);

CREATE TABLE event_type (
	name   bytea PRIMARY KEY,
	record bytea NOT NULL
);

CREATE TABLE api_key (
	id     bytea PRIMARY KEY,
	record bytea NOT NULL
);

CREATE TABLE secret_key (
	id          bytea PRIMARY KEY,
	endpoints   int8 NOT NULL,
	check_value bytea
);

CREATE TABLE gate (
	part     int2,
	endpoint int4,
	record   bytea NOT NULL,
	PRIMARY KEY (part, endpoint)
) WITH (fillfactor = 70);

-- An idempotency key, by its hash.
CREATE TABLE idem (
	key     bytea PRIMARY KEY,
	expires int8 NOT NULL, -- Unix milliseconds
	record  bytea NOT NULL
);
CREATE INDEX idem_expires ON idem (expires);

CREATE TABLE queued (
	part     int2,
	endpoint int4,
	seq      int8,
	nonce    int8,
	record   bytea, -- NULL for a delivery that was never attempted
	PRIMARY KEY (part, endpoint, seq, nonce)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE retrying (
	part     int2,
	endpoint int4,
	seq      int8,
	nonce    int8,
	due      int8 NOT NULL, -- Unix milliseconds
	record   bytea NOT NULL,
	PRIMARY KEY (part, endpoint, seq, nonce)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX retrying_due ON retrying (part, endpoint, due, seq, nonce);

-- Which deliveries of an event with very many recipients are still to be made: those from
-- the position next on, in the list of all that its endpoints have.
CREATE TABLE unfinished (
	seq     int8,
	nonce   int8,
	next    int4 NOT NULL,
	record  bytea NOT NULL, -- a Part with all recipients
	PRIMARY KEY (seq, nonce)
);
