-- One text for SQLite and PostgreSQL. Types are PostgreSQL's: SQLite gives
-- BIGINT integer affinity and stores a blob unchanged in a BYTEA column.
-- Times are integers: *_at in Unix seconds for objects, in microseconds for
-- events and for the end of a key secret. Lists are JSON arrays in TEXT.

-- +goose Up
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row. Every administrative transaction starts by raising it and so holds
-- its lock until it commits: revisions appear in their order, without gaps.
CREATE TABLE revision (
    id    BIGINT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO revision (id, value) VALUES (1, 0);

-- digests: all digests that the key had before or after the change, 32 bytes each.
CREATE TABLE changes (
    revision  BIGINT PRIMARY KEY,
    kind      TEXT   NOT NULL,
    object_id TEXT   NOT NULL,
    digests   BYTEA  NOT NULL
);

-- sealed: credential and parameters together, since parameters may hold
-- credentials too.
CREATE TABLE settings (
    id               TEXT   PRIMARY KEY,
    name             TEXT   NOT NULL,
    provider         TEXT   NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    allowed_models   TEXT   NOT NULL,
    sealed           BYTEA  NOT NULL,
    created_revision BIGINT NOT NULL,
    revision         BIGINT NOT NULL
);

CREATE TABLE keys (
    id                     TEXT    PRIMARY KEY,
    name                   TEXT    NOT NULL,
    name_folded            TEXT    NOT NULL,
    tags                   TEXT    NOT NULL,
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
    allowed_paths          TEXT    NOT NULL,
    allowed_models         TEXT    NOT NULL,
    policy_id              TEXT    NOT NULL,
    should_log_request     BOOLEAN NOT NULL,
    should_log_response    BOOLEAN NOT NULL,
    rotation_enabled       BOOLEAN NOT NULL,
    is_key_not_hashed      BOOLEAN NOT NULL,
    require_user           BOOLEAN NOT NULL,
    allow_unbounded        BOOLEAN NOT NULL,
    max_parallel_requests  BIGINT  NOT NULL,
    created_revision       BIGINT  NOT NULL,
    revision               BIGINT  NOT NULL
);
CREATE INDEX keys_created ON keys (created_revision);

CREATE TABLE key_settings (
    key_id     TEXT   NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    position   BIGINT NOT NULL,
    setting_id TEXT   NOT NULL REFERENCES settings (id),
    PRIMARY KEY (key_id, position)
);
CREATE INDEX key_settings_setting ON key_settings (setting_id);

-- valid_until 0: the current secret. sealed: only for keys that may be shown
-- again.
CREATE TABLE key_secrets (
    digest      BYTEA  PRIMARY KEY,
    key_id      TEXT   NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    valid_until BIGINT NOT NULL,
    sealed      BYTEA
);
CREATE INDEX key_secrets_key ON key_secrets (key_id);

-- No reference to keys: events outlive their key.
CREATE TABLE events (
    id                    TEXT    PRIMARY KEY,
    created_at            BIGINT  NOT NULL,
    key_id                TEXT    NOT NULL,
    tags                  TEXT    NOT NULL,
    setting_id            TEXT    NOT NULL,
    provider              TEXT    NOT NULL,
    path                  TEXT    NOT NULL,
    method                TEXT    NOT NULL,
    operation             TEXT    NOT NULL,
    status                BIGINT  NOT NULL,
    request_model         TEXT    NOT NULL,
    response_model        TEXT    NOT NULL,
    input_tokens          BIGINT  NOT NULL,
    cache_read_tokens     BIGINT  NOT NULL,
    cache_write_5m_tokens BIGINT  NOT NULL,
    cache_write_1h_tokens BIGINT  NOT NULL,
    output_tokens         BIGINT  NOT NULL,
    reasoning_tokens      BIGINT  NOT NULL,
    audio_input_tokens    BIGINT  NOT NULL,
    audio_output_tokens   BIGINT  NOT NULL,
    cost                  BIGINT  NOT NULL,
    price_status          TEXT    NOT NULL,
    estimated             BOOLEAN NOT NULL,
    incomplete            BOOLEAN NOT NULL,
    latency               BIGINT  NOT NULL,
    time_to_first_token   BIGINT  NOT NULL,
    attempts              BIGINT  NOT NULL,
    streamed              BOOLEAN NOT NULL,
    custom_id             TEXT    NOT NULL,
    user_id               TEXT    NOT NULL,
    correlation_id        TEXT    NOT NULL,
    metadata              TEXT    NOT NULL,
    action                TEXT    NOT NULL,
    policy_id             TEXT    NOT NULL,
    route_id              TEXT    NOT NULL,
    refusal_code          TEXT    NOT NULL,
    refused_count         BIGINT  NOT NULL,
    request               BYTEA,
    response              BYTEA
);
CREATE INDEX events_created ON events (created_at);
-- Covers the sum of a key's spend.
CREATE INDEX events_key ON events (key_id, created_at, cost);
CREATE INDEX events_custom ON events (custom_id, created_at) WHERE custom_id <> '';
CREATE INDEX events_user ON events (user_id, created_at) WHERE user_id <> '';

-- +goose Down
DROP TABLE events;
DROP TABLE key_secrets;
DROP TABLE key_settings;
DROP TABLE keys;
DROP TABLE settings;
DROP TABLE changes;
DROP TABLE revision;
DROP TABLE meta;
