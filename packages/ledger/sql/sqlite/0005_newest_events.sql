-- An account has an event for each workflow it closed, and is asked for its newest.
CREATE INDEX farebox_events_created ON farebox_events (account_id, created_at);
