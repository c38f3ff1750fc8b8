-- Sums of events, kept in the transaction that writes the events; rollup.go says
-- how. Times are in microseconds, as those of events. Version 9 is in Go: it adds
-- the events that there are already.

-- +goose Up
-- What the sums tell apart. id: made of the other columns, which are too long for
-- an index. tags: as the events have them.
CREATE TABLE event_series (
    id     BIGINT PRIMARY KEY,
    key_id TEXT   NOT NULL,
    model  TEXT   NOT NULL,
    tags   TEXT   NOT NULL
);

-- hour: its first microsecond. measured: requests whose latency is known.
CREATE TABLE event_hours (
    hour          BIGINT NOT NULL,
    series        BIGINT NOT NULL,
    requests      BIGINT NOT NULL,
    successes     BIGINT NOT NULL,
    cost          BIGINT NOT NULL,
    latency       BIGINT NOT NULL,
    input_tokens  BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    measured      BIGINT NOT NULL,
    PRIMARY KEY (hour, series)
);

-- How many requests took how long, by day; of series 0, which stands for all of
-- them, by hour. begins: the first microsecond of it. bucket: the latency in
-- microseconds with all but its five leading bits cleared.
CREATE TABLE event_latencies (
    begins   BIGINT NOT NULL,
    series   BIGINT NOT NULL,
    bucket   BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (series, begins, bucket)
);

-- What deleted events cost, by hour: with those that are left the ledger stays
-- whole. account: as in event_accounts, and the key's own. The row of meta that is
-- called events_deleted_before says up to when events may be gone.
CREATE TABLE event_spend (
    account TEXT   NOT NULL,
    hour    BIGINT NOT NULL,
    cost    BIGINT NOT NULL,
    PRIMARY KEY (account, hour)
);

-- Each key's users and custom ids.
CREATE INDEX events_key_user ON events (key_id, user_id) WHERE user_id <> '';
CREATE INDEX events_key_custom ON events (key_id, custom_id) WHERE custom_id <> '';
-- Events whose bodies may be deleted before them.
CREATE INDEX events_bodies ON events (created_at) WHERE request IS NOT NULL OR response IS NOT NULL;

-- +goose Down
DROP INDEX events_bodies;
DROP INDEX events_key_custom;
DROP INDEX events_key_user;
DROP TABLE event_spend;
DROP TABLE event_latencies;
DROP TABLE event_hours;
DROP TABLE event_series;
