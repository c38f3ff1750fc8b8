-- provider: the name in paths and settings. Settings refer to it by that name,
-- since they also name providers that are in no table. routes: a JSON array.

-- +goose Up
CREATE TABLE custom_providers (
    id                    TEXT   PRIMARY KEY,
    provider              TEXT   NOT NULL UNIQUE,
    tags                  TEXT   NOT NULL,
    created_at            BIGINT NOT NULL,
    updated_at            BIGINT NOT NULL,
    routes                TEXT   NOT NULL,
    authentication_param  TEXT   NOT NULL,
    authentication_header TEXT   NOT NULL,
    authentication_query  TEXT   NOT NULL,
    created_revision      BIGINT NOT NULL,
    revision              BIGINT NOT NULL
);
CREATE INDEX settings_provider ON settings (provider);

-- +goose Down
DROP INDEX settings_provider;
DROP TABLE custom_providers;
