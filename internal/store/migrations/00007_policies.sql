-- rules: a JSON object of actions by type; regex: a JSON array. Events outlive
-- their policy, keys do not: the store refuses to delete a policy that one names.

-- +goose Up
CREATE TABLE policies (
    id                  TEXT    PRIMARY KEY,
    name                TEXT    NOT NULL,
    tags                TEXT    NOT NULL,
    created_at          BIGINT  NOT NULL,
    updated_at          BIGINT  NOT NULL,
    rules               TEXT    NOT NULL,
    regex               TEXT    NOT NULL,
    apply_to_response   BOOLEAN NOT NULL,
    restore_in_response BOOLEAN NOT NULL,
    on_error            TEXT    NOT NULL,
    detectors           TEXT    NOT NULL,
    created_revision    BIGINT  NOT NULL,
    revision            BIGINT  NOT NULL
);
CREATE INDEX keys_policy ON keys (policy_id) WHERE policy_id <> '';

-- findings: what the policy found, a JSON object of counts by type.
ALTER TABLE events ADD COLUMN findings TEXT NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE events DROP COLUMN findings;
DROP INDEX keys_policy;
DROP TABLE policies;
