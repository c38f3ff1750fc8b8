-- digest: the keyed hash of the secret, as in key_secrets.

-- +goose Up
CREATE TABLE admin_keys (
    id         TEXT   PRIMARY KEY,
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    tags       TEXT   NOT NULL,
    digest     BYTEA  NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    revision   BIGINT NOT NULL
);

-- +goose Down
DROP TABLE admin_keys;
