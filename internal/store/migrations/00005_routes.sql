-- Key ids and steps are JSON: nothing searches in them.

-- +goose Up
CREATE TABLE routes (
    id               TEXT   PRIMARY KEY,
    name             TEXT   NOT NULL,
    path             TEXT   NOT NULL UNIQUE,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    key_ids          TEXT   NOT NULL,
    steps            TEXT   NOT NULL,
    operation        TEXT   NOT NULL,
    cache            TEXT   NOT NULL,
    created_revision BIGINT NOT NULL,
    revision         BIGINT NOT NULL
);

-- +goose Down
DROP TABLE routes;
