-- +goose Up
ALTER TABLE events ADD COLUMN cache_read_audio_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN image_input_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN image_output_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN images BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN milliseconds BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN characters BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN queries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN pages BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN web_searches BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN price_model TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN price_terms TEXT NOT NULL DEFAULT '';

-- setting_id '': for every provider setting. It refers to no row: the events of
-- a deleted setting keep their prices.
CREATE TABLE price_overrides (
    id             TEXT   PRIMARY KEY,
    setting_id     TEXT   NOT NULL,
    model          TEXT   NOT NULL,
    effective_from BIGINT NOT NULL,
    prices         TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    revision       BIGINT NOT NULL,
    UNIQUE (setting_id, model, effective_from)
);

-- +goose Down
DROP TABLE price_overrides;
ALTER TABLE events DROP COLUMN cache_read_audio_tokens;
ALTER TABLE events DROP COLUMN image_input_tokens;
ALTER TABLE events DROP COLUMN image_output_tokens;
ALTER TABLE events DROP COLUMN images;
ALTER TABLE events DROP COLUMN milliseconds;
ALTER TABLE events DROP COLUMN characters;
ALTER TABLE events DROP COLUMN queries;
ALTER TABLE events DROP COLUMN pages;
ALTER TABLE events DROP COLUMN web_searches;
ALTER TABLE events DROP COLUMN price_model;
ALTER TABLE events DROP COLUMN price_terms;
