-- +goose Up
CREATE TABLE users (
    id                     TEXT    PRIMARY KEY,
    name                   TEXT    NOT NULL,
    tags                   TEXT    NOT NULL,
    key_ids                TEXT    NOT NULL,
    user_id                TEXT    NOT NULL,
    created_at             BIGINT  NOT NULL,
    updated_at             BIGINT  NOT NULL,
    revoked                BOOLEAN NOT NULL,
    revoked_reason         TEXT    NOT NULL,
    ttl                    TEXT    NOT NULL,
    expires_at             BIGINT  NOT NULL,
    cost_limit             BIGINT  NOT NULL,
    cost_limit_over_time   BIGINT  NOT NULL,
    cost_limit_unit        TEXT    NOT NULL,
    rate_limit_over_time   BIGINT  NOT NULL,
    rate_limit_unit        TEXT    NOT NULL,
    max_parallel_requests  BIGINT  NOT NULL,
    allowed_paths          TEXT    NOT NULL,
    allowed_models         TEXT    NOT NULL,
    created_revision       BIGINT  NOT NULL,
    revision               BIGINT  NOT NULL
);
CREATE INDEX users_created ON users (created_revision);
CREATE INDEX users_user ON users (user_id);

-- user_ids: what clients called a user before and after the change, a JSON array.
ALTER TABLE changes ADD COLUMN user_ids TEXT NOT NULL DEFAULT '[]';

-- Whom an event was charged to besides its key. Written with the event, never
-- changed: created_at and cost are the event's, so that one index covers the sum.
CREATE TABLE event_accounts (
    event_id   TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    cost       BIGINT NOT NULL,
    PRIMARY KEY (event_id, account)
);
CREATE INDEX event_accounts_spend ON event_accounts (account, created_at, cost);

-- +goose Down
DROP TABLE event_accounts;
ALTER TABLE changes DROP COLUMN user_ids;
DROP TABLE users;
