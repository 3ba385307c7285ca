-- What operators ask for by hand. Amounts are in credits, times in UTC.
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
