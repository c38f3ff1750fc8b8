-- job: where the provider tells the state of what it still works on.

-- +goose Up
ALTER TABLE events ADD COLUMN job TEXT NOT NULL DEFAULT '';
-- Few events are pending, and they are looked for every few seconds.
CREATE INDEX events_pending ON events (created_at, id) WHERE price_status = 'pending';

-- +goose Down
DROP INDEX events_pending;
ALTER TABLE events DROP COLUMN job;
