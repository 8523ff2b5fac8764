-- Version 2. Changes of many deliveries that somebody asked for. There are few of them, so
-- that the table is not distributed.

CREATE TABLE job (
	endpoint int4,
	seq      int8,
	nonce    int8,
	finished int8, -- Unix milliseconds; NULL until the job has finished
	record   bytea NOT NULL,
	PRIMARY KEY (seq, nonce, endpoint)
);
-- An endpoint has one job at most that has not finished.
CREATE UNIQUE INDEX job_unfinished ON job (endpoint) WHERE finished IS NULL;
CREATE INDEX job_finished ON job (finished) WHERE finished IS NOT NULL;
