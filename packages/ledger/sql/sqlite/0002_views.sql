-- What operators ask for by hand. Amounts are in credits, times in UTC.
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
