-- Tables of which a day is dropped as a whole once its retention is over. They are split
-- by the time in seq. days.go makes the days; a database without such partitions needs
-- these two files only in another form.

-- head is the event without its data, which lists do not read.
CREATE TABLE event (
	seq   int8,
	nonce int8,
	head  bytea NOT NULL,
	data  bytea NOT NULL,
	PRIMARY KEY (seq, nonce)
) PARTITION BY RANGE (seq);

CREATE TABLE done (
	part     int2,
	endpoint int4,
	seq      int8,
	nonce    int8,
	status   int2 NOT NULL, -- 1 delivered, 2 failed, 3 cancelled
	finished int8 NOT NULL DEFAULT 0, -- Unix milliseconds
	record   bytea NOT NULL,
	PRIMARY KEY (part, endpoint, seq, nonce)
) PARTITION BY RANGE (seq);
CREATE INDEX done_undelivered ON done (part, endpoint, seq, nonce) WHERE status > 1;
-- Finds the few deliveries of a day that finished long after it: rows come in the order
-- in which deliveries finish.
CREATE INDEX done_finished ON done USING brin (finished);

-- The attempts of deliveries that were not delivered at once, in the slots 0 to 19, and
-- the long bodies of the latest two, in 20 and 21.
CREATE TABLE attempt (
	part     int2,
	endpoint int4,
	seq      int8,
	nonce    int8,
	slot     int2,
	record   bytea NOT NULL,
	PRIMARY KEY (part, endpoint, seq, nonce, slot)
) PARTITION BY RANGE (seq);

-- Events that are kept beyond the day that they were in, because a delivery is pending.
CREATE TABLE event_kept (
	seq   int8,
	nonce int8,
	head  bytea NOT NULL,
	data  bytea NOT NULL,
	PRIMARY KEY (seq, nonce)
);

-- What is numbered outside of all days: by a clock that is wrong, or long ago.
CREATE TABLE event_other PARTITION OF event DEFAULT;
CREATE TABLE done_other PARTITION OF done DEFAULT;
CREATE TABLE attempt_other PARTITION OF attempt DEFAULT;
