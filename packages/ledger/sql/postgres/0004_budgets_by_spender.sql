-- An account may have a budget for each of thousands of users or keys, and a change of it reads those of one. What is in an index
-- compares by bytes.
ALTER TABLE {schema}.farebox_budgets
  ALTER user_id TYPE TEXT COLLATE "C",
  ALTER api_key_id TYPE TEXT COLLATE "C";
CREATE INDEX farebox_budgets_user ON {schema}.farebox_budgets (account_id, user_id, api_key_id);
CREATE INDEX farebox_budgets_key ON {schema}.farebox_budgets (account_id, api_key_id) WHERE api_key_id IS NOT NULL;
