-- A small BricksLLM installation: its tables, and rows of each kind.
CREATE TABLE keys (
  name varchar(255) NOT NULL, created_at bigint NOT NULL, updated_at bigint NOT NULL, tags varchar(255)[], revoked boolean NOT NULL,
  key_id varchar(255) PRIMARY KEY, key varchar(255) NOT NULL UNIQUE, revoked_reason varchar(255),
  cost_limit_in_usd float8, cost_limit_in_usd_over_time float8, cost_limit_in_usd_unit varchar(255), rate_limit_over_time int, rate_limit_unit varchar(255),
  ttl varchar(255), setting_id varchar(255), allowed_paths jsonb, setting_ids varchar(255)[] NOT NULL DEFAULT '{}',
  should_log_request boolean NOT NULL DEFAULT false, should_log_response boolean NOT NULL DEFAULT false, rotation_enabled boolean NOT NULL DEFAULT false,
  policy_id varchar(255) NOT NULL DEFAULT '', is_key_not_hashed boolean NOT NULL DEFAULT false);
CREATE TABLE provider_settings (
  id varchar(255) PRIMARY KEY, created_at bigint NOT NULL, updated_at bigint NOT NULL, provider varchar(255) NOT NULL, setting jsonb NOT NULL,
  name varchar(255), allowed_models varchar(255)[], cost_map jsonb NOT NULL DEFAULT '{}');
CREATE TABLE custom_providers (
  id varchar(255) PRIMARY KEY, created_at bigint NOT NULL, updated_at bigint NOT NULL, provider varchar(255) NOT NULL,
  route_configs jsonb NOT NULL, authentication_param varchar(255) NOT NULL);
CREATE TABLE policies (
  id varchar(255) PRIMARY KEY, created_at bigint NOT NULL, updated_at bigint NOT NULL, name varchar(255) NOT NULL, tags varchar(255)[],
  config jsonb NOT NULL, regex_config jsonb NOT NULL, custom_config jsonb NOT NULL);
CREATE TABLE users (
  id varchar(255) PRIMARY KEY, name varchar(255) NOT NULL, created_at bigint NOT NULL, updated_at bigint NOT NULL, tags varchar(255)[],
  revoked boolean NOT NULL, revoked_reason varchar(255), cost_limit_in_usd float8, cost_limit_in_usd_over_time float8, cost_limit_in_usd_unit varchar(255),
  rate_limit_over_time int, rate_limit_unit varchar(255), ttl varchar(255), key_ids varchar(255)[], allowed_paths jsonb, allowed_models varchar(255)[],
  user_id varchar(255));
CREATE TABLE routes (
  id varchar(255) PRIMARY KEY, created_at bigint NOT NULL, updated_at bigint NOT NULL, name varchar(255) NOT NULL, path varchar(255) NOT NULL,
  key_ids varchar(255)[] NOT NULL, steps jsonb NOT NULL, cache_config jsonb NOT NULL,
  request_format varchar(255) NOT NULL DEFAULT '', retry_strategy varchar(255) NOT NULL DEFAULT '');
CREATE TABLE events (
  event_id varchar(255) PRIMARY KEY, created_at bigint NOT NULL, tags varchar(255)[], key_id varchar(255), cost_in_usd float8, provider varchar(255),
  model varchar(255), status_code int, prompt_token_count int, completion_token_count int, latency_in_ms int, user_id varchar(255) NOT NULL DEFAULT '');

INSERT INTO custom_providers VALUES ('00000000-0000-4000-8000-0000000000c1', 1, 1, 'ourown',
  '[{"path":"/chat","target_url":"https://llm.example.com/chat","model_location":"model","request_prompt_location":"prompt","response_completion_location":"text",
     "stream_location":"","stream_end_word":"","stream_response_completion_location":"","stream_max_empty_messages":0}]', 'apikey');
INSERT INTO provider_settings VALUES
  ('00000000-0000-4000-8000-0000000000a1', 1, 1, 'openai', '{"apikey":"sk-fake-openai-credential-0123456789","url":"FAKE"}', 'main', '{gpt-4o-mini,own-model}',
   '{"promptCostPerModel":{"own-model":1.5},"completionCostPerModel":{"own-model":4.5},"embeddingsCostPerModel":{}}'),
  ('00000000-0000-4000-8000-0000000000a2', 2, 2, 'ourown', '{"apikey":"secret-of-our-own"}', NULL, NULL, '{}'),
  ('00000000-0000-4000-8000-0000000000a3', 3, 3, 'bedrock', '{"awsAccessKeyId":"AKIA","awsSecretAccessKey":"bedrock-secret","awsRegion":"us-east-1"}', 'bedrock', NULL, '{}');
INSERT INTO policies VALUES
  ('00000000-0000-4000-8000-0000000000f1', 1, 1, 'redact', '{team}', '{"rules":{"email":"allow_but_redact"}}', '{"rules":[{"definition":"ACME-[0-9]+","action":"block"}]}', '{"rules":null}'),
  ('00000000-0000-4000-8000-0000000000f2', 2, 2, 'asks a model', NULL, 'null', 'null', '{"rules":[{"definition":"no insults","action":"block"}]}');
INSERT INTO keys (name, created_at, updated_at, tags, revoked, key_id, key, revoked_reason, cost_limit_in_usd, cost_limit_in_usd_over_time, cost_limit_in_usd_unit,
  rate_limit_over_time, rate_limit_unit, ttl, setting_id, allowed_paths, setting_ids, policy_id, is_key_not_hashed) VALUES
  ('hashed', 1, 1, '{team}', false, '00000000-0000-4000-8000-000000000001', encode(sha256('the secret of anna'), 'hex'), '', 1.5000000000000002, 1, 'mo', 0, '', '', NULL,
   '[{"path":"/api/providers/openai/v1/chat/completions","method":"POST"},{"path":"/api/routes/mini","method":"POST"}]',
   '{00000000-0000-4000-8000-0000000000a1,00000000-0000-4000-8000-0000000000a9}', '00000000-0000-4000-8000-0000000000f1', false),
  ('in clear', 2, 2, NULL, false, '00000000-0000-4000-8000-000000000002', 'the-clear-secret-of-bob', '', 0, 0, '', 100, 'h', '', '00000000-0000-4000-8000-0000000000a1', NULL, '{}', '', true),
  ('revoked', 3, 3, NULL, true, '00000000-0000-4000-8000-000000000003', encode(sha256('the revoked secret'), 'hex'), 'left', 0, 0, '', 0, '', '', '00000000-0000-4000-8000-0000000000a1', 'null', '{}', '', false),
  ('expired', 4, 4, NULL, false, '00000000-0000-4000-8000-000000000004', encode(sha256('the expired secret'), 'hex'), '', 0, 0, '', 0, '', '1h30m', '00000000-0000-4000-8000-0000000000a1', NULL, '{}', '', false),
  ('spent', 5, 5, NULL, false, 'no uuid', encode(sha256('the spent secret'), 'hex'), '', 2, 0, '', 0, '', '', '00000000-0000-4000-8000-0000000000a1', NULL, '{}', '', false),
  ('ambiguous', 6, 6, NULL, false, '00000000-0000-4000-8000-000000000006', encode(sha256('the ambiguous secret'), 'hex'), '', 0, 0, '', 0, '', '', '00000000-0000-4000-8000-0000000000a1', NULL, '{}', '', true),
  ('of the refused policy', 7, 7, NULL, false, '00000000-0000-4000-8000-000000000007', encode(sha256('the unguarded secret'), 'hex'), '', 0, 0, '', 0, '', '', '00000000-0000-4000-8000-0000000000a1', NULL, '{}',
   '00000000-0000-4000-8000-0000000000f2', false);
INSERT INTO users VALUES ('00000000-0000-4000-8000-0000000000b1', 'Ann', 1, 1, '{team}', false, '', 5, 0, '', 0, '', '', '{00000000-0000-4000-8000-000000000001,gone}', NULL, '{gpt-4o-mini}', 'ann');
INSERT INTO routes VALUES ('00000000-0000-4000-8000-0000000000d1', 1, 1, 'mini', '/mini', '{00000000-0000-4000-8000-000000000001}',
  '[{"provider":"openai","model":"gpt-4o-mini","retries":1,"retryInterval":"1s","timeout":"5s","params":{},"requestParams":null}]', '{"enabled":false,"ttl":""}', '', 'exponential');
INSERT INTO events (event_id, created_at, key_id, cost_in_usd, user_id) VALUES
  ('1', extract(epoch FROM now() - interval '40 days')::bigint, '00000000-0000-4000-8000-000000000001', 0.6, 'ann'),
  ('2', extract(epoch FROM now())::bigint, '00000000-0000-4000-8000-000000000001', 0.1, ''),
  ('3', extract(epoch FROM now())::bigint, '00000000-0000-4000-8000-000000000001', 0.2, 'ann'),
  ('4', extract(epoch FROM now())::bigint, 'no uuid', 2.5, '');
