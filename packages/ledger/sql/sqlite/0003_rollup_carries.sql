-- Ten records of the largest quantity, or of the largest cost, are more than one integer holds: of both sums these count whole 10^18s.
ALTER TABLE farebox_usage_rollups ADD COLUMN quantity_carry INTEGER NOT NULL DEFAULT 0;
ALTER TABLE farebox_usage_rollups ADD COLUMN cost_carry INTEGER NOT NULL DEFAULT 0;

UPDATE farebox_usage_rollups
SET
  quantity_carry = quantity / 1000000000000000000,
  quantity = quantity % 1000000000000000000,
  cost_carry = cost / 1000000000000000000,
  cost = cost % 1000000000000000000
WHERE quantity >= 1000000000000000000 OR cost >= 1000000000000000000;
