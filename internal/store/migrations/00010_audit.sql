-- One row for each administrative change, in one chain (internal/audit). at: in
-- microseconds. before_change, after_change: JSON; '' for no object.

-- +goose Up
CREATE TABLE audit_log (
    number        BIGINT PRIMARY KEY,
    at            BIGINT NOT NULL,
    author_id     TEXT   NOT NULL,
    author_name   TEXT   NOT NULL,
    role          TEXT   NOT NULL,
    address       TEXT   NOT NULL,
    operation     TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    object_id     TEXT   NOT NULL,
    revision      BIGINT NOT NULL,
    before_change TEXT   NOT NULL,
    after_change  TEXT   NOT NULL,
    hash          BYTEA  NOT NULL
);
CREATE INDEX audit_log_object ON audit_log (object_id, number);
CREATE INDEX audit_log_at ON audit_log (at);

-- One row, made by the first start: it needs the pepper.
CREATE TABLE audit_head (
    id     BIGINT PRIMARY KEY,
    number BIGINT NOT NULL,
    hash   BYTEA  NOT NULL,
    seal   BYTEA  NOT NULL
);

-- +goose Down
DROP TABLE audit_head;
DROP TABLE audit_log;
