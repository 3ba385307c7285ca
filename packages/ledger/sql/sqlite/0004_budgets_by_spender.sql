-- An account may have a budget for each of thousands of users or keys, and a change of it reads those of one.
CREATE INDEX farebox_budgets_user ON farebox_budgets (account_id, user_id, api_key_id);
CREATE INDEX farebox_budgets_key ON farebox_budgets (account_id, api_key_id) WHERE api_key_id IS NOT NULL;
