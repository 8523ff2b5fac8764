-- Who changed what through the API. Its rows go one by one once the retention is over:
-- they are few, beside deliveries.
CREATE TABLE audit (
	seq    int8,
	nonce  int8,
	record bytea NOT NULL,
	PRIMARY KEY (seq, nonce)
);
