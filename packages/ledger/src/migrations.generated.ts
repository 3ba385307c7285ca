// Made by scripts/embed-migrations.ts from the files under sql/. Change those, then run `pnpm --filter @farebox/ledger migrations`.
import type { Migration } from './migrations.ts'

export const migrations: Readonly<Record<string, readonly Migration[]>> = {
  sqlite: [
    { number: 1, name: 'ledger', sql: `-- Amounts are micro-credits (1 credit = 1000000), costs nano-USD, quantities millionths of their unit, times epoch milliseconds.

-- One row per account: its balance, and the head of its journal.
CREATE TABLE farebox_accounts (
  account_id TEXT NOT NULL,
  name TEXT NOT NULL,
  credit_limit INTEGER NOT NULL,
  debt_limit INTEGER NOT NULL,
  posted INTEGER NOT NULL,
  held INTEGER NOT NULL CHECK (held >= 0),
  debt INTEGER NOT NULL CHECK (debt >= 0),
  credit_held INTEGER NOT NULL CHECK (credit_held >= 0),
  next_due_at INTEGER,
  has_budgets INTEGER NOT NULL,
  is_frozen INTEGER NOT NULL,
  alerts TEXT,
  sequence INTEGER NOT NULL,
  chain_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account_id)
) STRICT, WITHOUT ROWID;

-- Spendable value, and what is left of it.
CREATE TABLE farebox_grants (
  account_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  source TEXT NOT NULL,
  priority INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  remaining INTEGER NOT NULL CHECK (remaining >= 0),
  pinned INTEGER NOT NULL CHECK (pinned BETWEEN 0 AND remaining),
  gone INTEGER NOT NULL CHECK (gone >= 0),
  effective_at INTEGER NOT NULL,
  expires_at INTEGER,
  services TEXT,
  rollover TEXT,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, grant_id)
) STRICT, WITHOUT ROWID;

-- Value set aside before work starts. With a rowid, so that new rows of all accounts share pages instead of each dirtying its own.
CREATE TABLE farebox_holds (
  account_id TEXT NOT NULL,
  hold_id TEXT NOT NULL,
  workflow_id TEXT,
  service TEXT NOT NULL,
  provider TEXT NOT NULL,
  api_key_id TEXT,
  user_id TEXT,
  amount INTEGER NOT NULL,
  remaining INTEGER NOT NULL CHECK (remaining >= 0),
  rated INTEGER NOT NULL,
  charged INTEGER NOT NULL,
  shortfall INTEGER NOT NULL,
  state TEXT NOT NULL,
  overage TEXT NOT NULL,
  lots TEXT NOT NULL,
  budgets TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  grace_ms INTEGER NOT NULL,
  ended_at INTEGER,
  PRIMARY KEY (account_id, hold_id)
) STRICT;

-- Calls that share a budget and a receipt; lines holds the receipt as JSON.
CREATE TABLE farebox_workflows (
  account_id TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  root_id TEXT NOT NULL,
  parent_id TEXT,
  name TEXT NOT NULL,
  business_adapter TEXT,
  user_id TEXT,
  api_key_id TEXT,
  state TEXT NOT NULL,
  max_credits INTEGER,
  spent INTEGER NOT NULL,
  held INTEGER NOT NULL,
  reserve INTEGER,
  lines TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  closed_at INTEGER,
  PRIMARY KEY (account_id, workflow_id)
) STRICT, WITHOUT ROWID;

-- What each attempt consumed and what it cost. Never updated.
CREATE TABLE farebox_usage_records (
  account_id TEXT NOT NULL,
  usage_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  workflow_id TEXT,
  hold_id TEXT,
  service TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT,
  quantity INTEGER NOT NULL,
  unit TEXT NOT NULL,
  rated INTEGER NOT NULL,
  charged INTEGER NOT NULL,
  shortfall INTEGER NOT NULL,
  cost INTEGER,
  certainty TEXT NOT NULL,
  price_version TEXT,
  lots TEXT NOT NULL,
  api_key_id TEXT,
  user_id TEXT,
  details TEXT,
  corrects TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, usage_id)
) STRICT;

-- Append-only and hash-chained by account; postings of one entry add up to zero.
CREATE TABLE farebox_journal (
  account_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  verb TEXT NOT NULL,
  idempotency_key TEXT,
  content TEXT NOT NULL,
  outcome TEXT NOT NULL,
  postings TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (account_id, sequence)
) STRICT;

-- Only the SHA-256 of a key is kept. After a rotation the key before is good until previous_until.
CREATE TABLE farebox_api_keys (
  account_id TEXT NOT NULL,
  api_key_id TEXT NOT NULL,
  prefix TEXT NOT NULL,
  hash TEXT NOT NULL,
  name TEXT NOT NULL,
  user_id TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  previous_prefix TEXT,
  previous_hash TEXT,
  previous_until INTEGER,
  last_used_at INTEGER,
  PRIMARY KEY (account_id, api_key_id)
) STRICT, WITHOUT ROWID;

-- What a key may use. No row for a key: everything.
CREATE TABLE farebox_api_key_services (
  account_id TEXT NOT NULL,
  id TEXT NOT NULL,
  api_key_id TEXT NOT NULL,
  service_type TEXT NOT NULL,
  provider TEXT,
  enabled INTEGER NOT NULL,
  cost_limit_per_request INTEGER,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

-- Leads from the start of a key to its account. No account owns it.
CREATE TABLE farebox_api_key_prefixes (
  prefix TEXT NOT NULL,
  account_id TEXT NOT NULL,
  api_key_id TEXT NOT NULL,
  PRIMARY KEY (prefix)
) STRICT, WITHOUT ROWID;

-- What each process of the host last told the others of its providers, as JSON. No account owns it, and nothing is lost with it.
CREATE TABLE farebox_provider_health (
  process_id TEXT NOT NULL,
  news TEXT NOT NULL,
  told_at INTEGER NOT NULL,
  PRIMARY KEY (process_id)
) STRICT, WITHOUT ROWID;

-- Limits over time, with what their current window has used.
CREATE TABLE farebox_budgets (
  account_id TEXT NOT NULL,
  budget_id TEXT NOT NULL,
  user_id TEXT,
  api_key_id TEXT,
  service TEXT,
  period TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  credit_limit INTEGER NOT NULL,
  mode TEXT NOT NULL,
  window_start INTEGER NOT NULL,
  window_end INTEGER,
  alerts_at_percent TEXT NOT NULL,
  alerted_percent INTEGER NOT NULL,
  used INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, budget_id)
) STRICT, WITHOUT ROWID;

-- What the host keeps beside the money, such as agents.
CREATE TABLE farebox_documents (
  account_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  document_id TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, kind, document_id)
) STRICT, WITHOUT ROWID;

-- What somebody is to be told, and whether that was done. Due and not delivered: waiting. Neither: given up.
CREATE TABLE farebox_events (
  account_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  due_at INTEGER,
  attempts INTEGER NOT NULL,
  delivered_at INTEGER,
  error TEXT,
  PRIMARY KEY (account_id, event_id)
) STRICT, WITHOUT ROWID;

-- Sums of usage records by hour and by day: what breakdowns read.
CREATE TABLE farebox_usage_rollups (
  account_id TEXT NOT NULL,
  period TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  service TEXT NOT NULL,
  provider TEXT NOT NULL,
  unit TEXT NOT NULL,
  workflow_name TEXT NOT NULL,
  api_key_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  records INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  charged INTEGER NOT NULL,
  shortfall INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  PRIMARY KEY (account_id, period, starts_at, service, provider, unit, workflow_name, api_key_id, user_id)
) STRICT, WITHOUT ROWID;

-- Counts of workflows by hour and by day.
CREATE TABLE farebox_workflow_rollups (
  account_id TEXT NOT NULL,
  period TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  workflow_name TEXT NOT NULL,
  api_key_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  opened INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  charged INTEGER NOT NULL,
  PRIMARY KEY (account_id, period, starts_at, workflow_name, api_key_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX farebox_accounts_due ON farebox_accounts (next_due_at) WHERE next_due_at IS NOT NULL;
CREATE INDEX farebox_events_due ON farebox_events (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX farebox_events_given_up ON farebox_events (account_id) WHERE due_at IS NULL AND delivered_at IS NULL;
CREATE INDEX farebox_grants_open ON farebox_grants (account_id) WHERE remaining > 0;
CREATE INDEX farebox_holds_open ON farebox_holds (account_id, workflow_id) WHERE state = 'open';
CREATE INDEX farebox_workflows_created ON farebox_workflows (account_id, created_at);
CREATE INDEX farebox_usage_records_workflow ON farebox_usage_records (account_id, workflow_id) WHERE workflow_id IS NOT NULL;
CREATE INDEX farebox_usage_records_corrects ON farebox_usage_records (account_id, corrects) WHERE corrects IS NOT NULL;
CREATE UNIQUE INDEX farebox_journal_idempotency ON farebox_journal (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX farebox_api_key_services_key ON farebox_api_key_services (account_id, api_key_id);
` },
    { number: 2, name: 'views', sql: `-- What operators ask for by hand. Amounts are in credits, times in UTC.
CREATE VIEW users AS
SELECT account_id AS id, name, CASE WHEN posted % 1000000 = 0 THEN posted / 1000000 ELSE posted / 1000000.0 END AS credit_balance
FROM farebox_accounts;

CREATE VIEW multi_service_usage_records AS
SELECT
  workflow_id AS id,
  account_id,
  name AS workflow_name,
  business_adapter,
  user_id,
  CASE WHEN spent % 1000000 = 0 THEN spent / 1000000 ELSE spent / 1000000.0 END AS total_credits_used,
  (
    SELECT json_group_array(json_object(
      'service_type', value ->> 'service_type',
      'provider', value ->> 'provider',
      'units_consumed', CASE WHEN CAST(value ->> 'units' AS INTEGER) % 1000000 = 0 THEN CAST(value ->> 'units' AS INTEGER) / 1000000 ELSE CAST(value ->> 'units' AS INTEGER) / 1000000.0 END,
      'unit_type', value ->> 'unit_type',
      'credits_used', CASE WHEN CAST(value ->> 'charged' AS INTEGER) % 1000000 = 0 THEN CAST(value ->> 'charged' AS INTEGER) / 1000000 ELSE CAST(value ->> 'charged' AS INTEGER) / 1000000.0 END
    ))
    FROM json_each(lines)
  ) AS services_used,
  state,
  strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', closed_at / 1000.0, 'unixepoch') AS closed_at
FROM farebox_workflows;

CREATE VIEW api_key_services AS
SELECT
  id,
  account_id,
  api_key_id,
  service_type,
  provider,
  enabled,
  CASE WHEN cost_limit_per_request % 1000000 = 0 THEN cost_limit_per_request / 1000000 ELSE cost_limit_per_request / 1000000.0 END AS cost_limit_per_request,
  strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at
FROM farebox_api_key_services;
` },
    { number: 3, name: 'rollup_carries', sql: `-- Ten records of the largest quantity, or of the largest cost, are more than one integer holds: of both sums these count whole 10^18s.
ALTER TABLE farebox_usage_rollups ADD COLUMN quantity_carry INTEGER NOT NULL DEFAULT 0;
ALTER TABLE farebox_usage_rollups ADD COLUMN cost_carry INTEGER NOT NULL DEFAULT 0;

UPDATE farebox_usage_rollups
SET
  quantity_carry = quantity / 1000000000000000000,
  quantity = quantity % 1000000000000000000,
  cost_carry = cost / 1000000000000000000,
  cost = cost % 1000000000000000000
WHERE quantity >= 1000000000000000000 OR cost >= 1000000000000000000;
` },
    { number: 4, name: 'budgets_by_spender', sql: `-- An account may have a budget for each of thousands of users or keys, and a change of it reads those of one.
CREATE INDEX farebox_budgets_user ON farebox_budgets (account_id, user_id, api_key_id);
CREATE INDEX farebox_budgets_key ON farebox_budgets (account_id, api_key_id) WHERE api_key_id IS NOT NULL;
` },
    { number: 5, name: 'newest_events', sql: `-- An account has an event for each workflow it closed, and is asked for its newest.
CREATE INDEX farebox_events_created ON farebox_events (account_id, created_at);
` },
  ],
  postgres: [
    { number: 1, name: 'ledger', sql: `-- Amounts are micro-credits (1 credit = 1000000), costs nano-USD, quantities millionths of their unit, times epoch milliseconds.
-- Ids, and whatever else is looked up or sorted, compare by bytes: as on SQLite, and whatever the collations of the system are upgraded to.

-- One row per account: its balance, and the head of its journal.
CREATE TABLE {schema}.farebox_accounts (
  account_id TEXT COLLATE "C" NOT NULL,
  name TEXT NOT NULL,
  credit_limit BIGINT NOT NULL,
  debt_limit BIGINT NOT NULL,
  posted BIGINT NOT NULL,
  held BIGINT NOT NULL CHECK (held >= 0),
  debt BIGINT NOT NULL CHECK (debt >= 0),
  credit_held BIGINT NOT NULL CHECK (credit_held >= 0),
  next_due_at BIGINT,
  has_budgets BOOLEAN NOT NULL,
  is_frozen BOOLEAN NOT NULL,
  alerts TEXT,
  sequence BIGINT NOT NULL,
  chain_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account_id)
) WITH (fillfactor = 60);

-- Spendable value, and what is left of it.
CREATE TABLE {schema}.farebox_grants (
  account_id TEXT COLLATE "C" NOT NULL,
  grant_id TEXT COLLATE "C" NOT NULL,
  source TEXT NOT NULL,
  priority BIGINT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  remaining BIGINT NOT NULL CHECK (remaining >= 0),
  pinned BIGINT NOT NULL CHECK (pinned BETWEEN 0 AND remaining),
  gone BIGINT NOT NULL CHECK (gone >= 0),
  effective_at BIGINT NOT NULL,
  expires_at BIGINT,
  services TEXT,
  rollover TEXT,
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, grant_id)
) WITH (fillfactor = 60);

-- Value set aside before work starts.
CREATE TABLE {schema}.farebox_holds (
  account_id TEXT COLLATE "C" NOT NULL,
  hold_id TEXT COLLATE "C" NOT NULL,
  workflow_id TEXT COLLATE "C",
  service TEXT NOT NULL,
  provider TEXT NOT NULL,
  api_key_id TEXT,
  user_id TEXT,
  amount BIGINT NOT NULL,
  remaining BIGINT NOT NULL CHECK (remaining >= 0),
  rated BIGINT NOT NULL,
  charged BIGINT NOT NULL,
  shortfall BIGINT NOT NULL,
  state TEXT NOT NULL,
  overage TEXT NOT NULL,
  lots TEXT NOT NULL,
  budgets TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  grace_ms BIGINT NOT NULL,
  ended_at BIGINT,
  PRIMARY KEY (account_id, hold_id)
);

-- Calls that share a budget and a receipt; lines holds the receipt as JSON.
CREATE TABLE {schema}.farebox_workflows (
  account_id TEXT COLLATE "C" NOT NULL,
  workflow_id TEXT COLLATE "C" NOT NULL,
  root_id TEXT NOT NULL,
  parent_id TEXT,
  name TEXT NOT NULL,
  business_adapter TEXT,
  user_id TEXT,
  api_key_id TEXT,
  state TEXT NOT NULL,
  max_credits BIGINT,
  spent BIGINT NOT NULL,
  held BIGINT NOT NULL,
  reserve BIGINT,
  lines TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  closed_at BIGINT,
  PRIMARY KEY (account_id, workflow_id)
);

-- What each attempt consumed and what it cost. Never updated.
CREATE TABLE {schema}.farebox_usage_records (
  account_id TEXT COLLATE "C" NOT NULL,
  usage_id TEXT COLLATE "C" NOT NULL,
  sequence BIGINT NOT NULL,
  workflow_id TEXT COLLATE "C",
  hold_id TEXT,
  service TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT,
  quantity BIGINT NOT NULL,
  unit TEXT NOT NULL,
  rated BIGINT NOT NULL,
  charged BIGINT NOT NULL,
  shortfall BIGINT NOT NULL,
  cost BIGINT,
  certainty TEXT NOT NULL,
  price_version TEXT,
  lots TEXT NOT NULL,
  api_key_id TEXT,
  user_id TEXT,
  details TEXT,
  corrects TEXT COLLATE "C",
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, usage_id)
);

-- Append-only and hash-chained by account; postings of one entry add up to zero.
CREATE TABLE {schema}.farebox_journal (
  account_id TEXT COLLATE "C" NOT NULL,
  sequence BIGINT NOT NULL,
  at BIGINT NOT NULL,
  verb TEXT NOT NULL,
  idempotency_key TEXT COLLATE "C",
  content TEXT NOT NULL,
  outcome TEXT NOT NULL,
  postings TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (account_id, sequence)
);

-- Only the SHA-256 of a key is kept. After a rotation the key before is good until previous_until.
CREATE TABLE {schema}.farebox_api_keys (
  account_id TEXT COLLATE "C" NOT NULL,
  api_key_id TEXT COLLATE "C" NOT NULL,
  prefix TEXT COLLATE "C" NOT NULL,
  hash TEXT NOT NULL,
  name TEXT NOT NULL,
  user_id TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  previous_prefix TEXT,
  previous_hash TEXT,
  previous_until BIGINT,
  last_used_at BIGINT,
  PRIMARY KEY (account_id, api_key_id)
);

-- What a key may use. No row for a key: everything.
CREATE TABLE {schema}.farebox_api_key_services (
  account_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  api_key_id TEXT COLLATE "C" NOT NULL,
  service_type TEXT COLLATE "C" NOT NULL,
  provider TEXT COLLATE "C",
  enabled BOOLEAN NOT NULL,
  cost_limit_per_request BIGINT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, id)
);

-- Leads from the start of a key to its account. No account owns it.
CREATE TABLE {schema}.farebox_api_key_prefixes (
  prefix TEXT COLLATE "C" NOT NULL,
  account_id TEXT NOT NULL,
  api_key_id TEXT NOT NULL,
  PRIMARY KEY (prefix)
);

-- What each process of the host last told the others of its providers, as JSON. No account owns it, and nothing is lost with it.
CREATE TABLE {schema}.farebox_provider_health (
  process_id TEXT COLLATE "C" NOT NULL,
  news TEXT NOT NULL,
  told_at BIGINT NOT NULL,
  PRIMARY KEY (process_id)
);

-- Limits over time, with what their current window has used.
CREATE TABLE {schema}.farebox_budgets (
  account_id TEXT COLLATE "C" NOT NULL,
  budget_id TEXT COLLATE "C" NOT NULL,
  user_id TEXT,
  api_key_id TEXT,
  service TEXT,
  period TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  credit_limit BIGINT NOT NULL,
  mode TEXT NOT NULL,
  window_start BIGINT NOT NULL,
  window_end BIGINT,
  alerts_at_percent TEXT NOT NULL,
  alerted_percent BIGINT NOT NULL,
  used BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, budget_id)
);

-- What the host keeps beside the money, such as agents.
CREATE TABLE {schema}.farebox_documents (
  account_id TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  document_id TEXT COLLATE "C" NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, kind, document_id)
);

-- What somebody is to be told, and whether that was done. Due and not delivered: waiting. Neither: given up.
CREATE TABLE {schema}.farebox_events (
  account_id TEXT COLLATE "C" NOT NULL,
  event_id TEXT COLLATE "C" NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  due_at BIGINT,
  attempts BIGINT NOT NULL,
  delivered_at BIGINT,
  error TEXT,
  PRIMARY KEY (account_id, event_id)
);

-- Sums of usage records by hour and by day: what breakdowns read.
CREATE TABLE {schema}.farebox_usage_rollups (
  account_id TEXT COLLATE "C" NOT NULL,
  period TEXT COLLATE "C" NOT NULL,
  starts_at BIGINT NOT NULL,
  service TEXT COLLATE "C" NOT NULL,
  provider TEXT COLLATE "C" NOT NULL,
  unit TEXT COLLATE "C" NOT NULL,
  workflow_name TEXT COLLATE "C" NOT NULL,
  api_key_id TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  records BIGINT NOT NULL,
  quantity BIGINT NOT NULL,
  charged BIGINT NOT NULL,
  shortfall BIGINT NOT NULL,
  cost BIGINT NOT NULL,
  PRIMARY KEY (account_id, period, starts_at, service, provider, unit, workflow_name, api_key_id, user_id)
);

-- Counts of workflows by hour and by day.
CREATE TABLE {schema}.farebox_workflow_rollups (
  account_id TEXT COLLATE "C" NOT NULL,
  period TEXT COLLATE "C" NOT NULL,
  starts_at BIGINT NOT NULL,
  workflow_name TEXT COLLATE "C" NOT NULL,
  api_key_id TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  opened BIGINT NOT NULL,
  closed BIGINT NOT NULL,
  duration_ms BIGINT NOT NULL,
  charged BIGINT NOT NULL,
  PRIMARY KEY (account_id, period, starts_at, workflow_name, api_key_id, user_id)
);

CREATE INDEX farebox_accounts_due ON {schema}.farebox_accounts (next_due_at) WHERE next_due_at IS NOT NULL;
CREATE INDEX farebox_events_due ON {schema}.farebox_events (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX farebox_events_given_up ON {schema}.farebox_events (account_id) WHERE due_at IS NULL AND delivered_at IS NULL;
CREATE INDEX farebox_grants_open ON {schema}.farebox_grants (account_id) WHERE remaining > 0;
CREATE INDEX farebox_holds_open ON {schema}.farebox_holds (account_id, workflow_id) WHERE state = 'open';
CREATE INDEX farebox_workflows_created ON {schema}.farebox_workflows (account_id, created_at);
CREATE INDEX farebox_usage_records_workflow ON {schema}.farebox_usage_records (account_id, workflow_id) WHERE workflow_id IS NOT NULL;
CREATE INDEX farebox_usage_records_corrects ON {schema}.farebox_usage_records (account_id, corrects) WHERE corrects IS NOT NULL;
CREATE UNIQUE INDEX farebox_journal_idempotency ON {schema}.farebox_journal (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX farebox_api_key_services_key ON {schema}.farebox_api_key_services (account_id, api_key_id);
` },
    { number: 2, name: 'views', sql: `-- What operators ask for by hand. Amounts are in credits, times in UTC.
CREATE VIEW {schema}.users AS
SELECT account_id AS id, name, trim_scale(posted::numeric / 1000000) AS credit_balance
FROM {schema}.farebox_accounts;

CREATE VIEW {schema}.multi_service_usage_records AS
SELECT
  workflow_id AS id,
  account_id,
  name AS workflow_name,
  business_adapter,
  user_id,
  trim_scale(spent::numeric / 1000000) AS total_credits_used,
  (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'service_type', line ->> 'service_type',
      'provider', line ->> 'provider',
      'units_consumed', trim_scale((line ->> 'units')::numeric / 1000000),
      'unit_type', line ->> 'unit_type',
      'credits_used', trim_scale((line ->> 'charged')::numeric / 1000000)
    ) ORDER BY position), '[]'::jsonb)
    FROM jsonb_array_elements(lines::jsonb) WITH ORDINALITY AS elements (line, position)
  ) AS services_used,
  state,
  to_timestamp(created_at / 1000.0) AS created_at,
  to_timestamp(closed_at / 1000.0) AS closed_at
FROM {schema}.farebox_workflows;

CREATE VIEW {schema}.api_key_services AS
SELECT
  id,
  account_id,
  api_key_id,
  service_type,
  provider,
  enabled,
  trim_scale(cost_limit_per_request::numeric / 1000000) AS cost_limit_per_request,
  to_timestamp(created_at / 1000.0) AS created_at
FROM {schema}.farebox_api_key_services;
` },
    { number: 3, name: 'rollup_carries', sql: `-- Ten records of the largest quantity, or of the largest cost, are more than one integer holds: of both sums these count whole 10^18s.
ALTER TABLE {schema}.farebox_usage_rollups ADD COLUMN quantity_carry BIGINT NOT NULL DEFAULT 0;
ALTER TABLE {schema}.farebox_usage_rollups ADD COLUMN cost_carry BIGINT NOT NULL DEFAULT 0;

UPDATE {schema}.farebox_usage_rollups
SET
  quantity_carry = quantity / 1000000000000000000,
  quantity = quantity % 1000000000000000000,
  cost_carry = cost / 1000000000000000000,
  cost = cost % 1000000000000000000
WHERE quantity >= 1000000000000000000 OR cost >= 1000000000000000000;
` },
    { number: 4, name: 'budgets_by_spender', sql: `-- An account may have a budget for each of thousands of users or keys, and a change of it reads those of one. What is in an index
-- compares by bytes.
ALTER TABLE {schema}.farebox_budgets
  ALTER user_id TYPE TEXT COLLATE "C",
  ALTER api_key_id TYPE TEXT COLLATE "C";
CREATE INDEX farebox_budgets_user ON {schema}.farebox_budgets (account_id, user_id, api_key_id);
CREATE INDEX farebox_budgets_key ON {schema}.farebox_budgets (account_id, api_key_id) WHERE api_key_id IS NOT NULL;
` },
    { number: 5, name: 'newest_events', sql: `-- An account has an event for each workflow it closed, and is asked for its newest.
CREATE INDEX farebox_events_created ON {schema}.farebox_events (account_id, created_at);
` },
  ],
}
