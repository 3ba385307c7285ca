-- Amounts are micro-credits (1 credit = 1000000), costs nano-USD, quantities millionths of their unit, times epoch milliseconds.
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
