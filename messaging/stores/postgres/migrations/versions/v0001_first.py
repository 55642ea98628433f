"""The first schema.

Indexes are named with the query they serve. Text is compared by code point (`COLLATE "C"`), as everywhere else. What
segments and policy ask about has a column; what is only carried along is `json`, which keeps it as it was told: the
order of keys, and 1e16 apart from 10000000000000000.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

CUSTOMERS = """
CREATE TABLE customers (
    id text COLLATE "C" PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    email text COLLATE "C",
    email_folded text COLLATE "C",
    phone text COLLATE "C",
    first_name text COLLATE "C",
    last_name text COLLATE "C",
    locale text COLLATE "C",
    timezone text COLLATE "C",
    country text COLLATE "C",
    region text COLLATE "C",
    city text COLLATE "C",
    postal_code text COLLATE "C",
    birthday date,
    addresses jsonb NOT NULL DEFAULT '{}',
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz,
    updated_at timestamptz,
    told_at json
);
CREATE INDEX customers_find_email ON customers (email_folded) WHERE email_folded IS NOT NULL;
CREATE INDEX customers_find_phone ON customers (phone) WHERE phone IS NOT NULL;
CREATE INDEX customers_has_address ON customers USING gin (addresses jsonb_path_ops) WHERE addresses <> '{}';

CREATE TABLE consents (
    key text COLLATE "C" PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    channel text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    granted boolean NOT NULL,
    at timestamptz NOT NULL,
    dated boolean NOT NULL,
    source text COLLATE "C" NOT NULL,
    message_id text COLLATE "C"
);
CREATE INDEX consents_status ON consents (address, channel);

CREATE TABLE suppressions (
    channel text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    PRIMARY KEY (address, channel)
);
"""

EVENTS = """
CREATE TABLE events (
    key text COLLATE "C" PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    shop text COLLATE "C" NOT NULL,
    customer json NOT NULL,
    data json NOT NULL,
    incomplete json,
    customer_id text COLLATE "C",
    live boolean NOT NULL,
    received_at timestamptz,
    state text COLLATE "C" NOT NULL,
    error text COLLATE "C",
    worker text COLLATE "C",
    attempts integer NOT NULL,
    next_at timestamptz,
    fingerprint text COLLATE "C" NOT NULL,
    order_number text COLLATE "C",
    order_id text COLLATE "C",
    cart_id text COLLATE "C",
    product_id text COLLATE "C",
    product_sku text COLLATE "C"
);
CREATE INDEX events_page ON events (seq);
CREATE INDEX events_page_failed ON events (seq) WHERE state = 'failed';
CREATE INDEX events_page_type ON events (type, seq);
CREATE INDEX events_received ON events (seq) WHERE state = 'received' AND next_at IS NULL;
CREATE INDEX events_received_later ON events (next_at) WHERE state = 'received' AND next_at IS NOT NULL;
CREATE INDEX events_page_customer ON events (customer_id, type, seq) WHERE customer_id IS NOT NULL;
CREATE INDEX events_nobodys ON events (key) WHERE customer_id IS NULL;
CREATE INDEX events_order_number ON events (customer_id, order_number) WHERE order_number IS NOT NULL;
CREATE INDEX events_order_id ON events (customer_id, order_id) WHERE order_id IS NOT NULL;
CREATE INDEX events_cart ON events (customer_id, cart_id) WHERE cart_id IS NOT NULL;
CREATE INDEX events_product_id ON events (product_id, type) WHERE product_id IS NOT NULL AND state <> 'failed';
CREATE INDEX events_product_sku ON events (product_sku, type) WHERE product_sku IS NOT NULL AND state <> 'failed';

CREATE TABLE erased_events (key text COLLATE "C" PRIMARY KEY);

CREATE TABLE orders (
    key text COLLATE "C" PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    source text COLLATE "C" NOT NULL,
    shop text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C",
    placed_at timestamptz,
    cancelled_at timestamptz,
    total numeric NOT NULL,
    currency text COLLATE "C",
    document json NOT NULL
);
CREATE INDEX orders_of_customer ON orders (customer_id, placed_at) WHERE customer_id IS NOT NULL;

-- Of orders that count: placed, not cancelled, and somebody's choice.
CREATE TABLE order_skus (
    source text COLLATE "C" NOT NULL,
    shop text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    order_key text COLLATE "C" NOT NULL REFERENCES orders ON DELETE CASCADE,
    PRIMARY KEY (order_key, sku)
);
CREATE INDEX order_skus_bought_with ON order_skus (sku, source, shop);
"""

OUTBOX = """
CREATE TABLE messages (
    id text COLLATE "C" PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    origin text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    address text COLLATE "C",
    template text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    message_class text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    lane smallint NOT NULL,
    campaign text COLLATE "C",
    event_key text COLLATE "C",
    trigger_key text COLLATE "C",
    trigger integer,
    context json,
    state text COLLATE "C" NOT NULL,
    reason text COLLATE "C",
    due_at timestamptz NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    worker text COLLATE "C",
    adapter text COLLATE "C",
    provider_id text COLLATE "C",
    sent_at timestamptz,
    variant text COLLATE "C"
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX messages_claim ON messages (lane, channel, due_at, seq)
    WHERE state = 'planned' AND worker IS NULL AND campaign IS NULL;
CREATE INDEX messages_claim_campaign ON messages (campaign, lane, due_at, seq)
    WHERE state = 'planned' AND worker IS NULL AND campaign IS NOT NULL;
CREATE INDEX messages_worker ON messages (worker, state) WHERE worker IS NOT NULL;
CREATE INDEX messages_page_campaign ON messages (campaign, id) WHERE campaign IS NOT NULL;
CREATE INDEX messages_page_customer ON messages (customer_id, id);
CREATE INDEX messages_page_planned ON messages (template, id) WHERE state = 'planned';
CREATE INDEX messages_page_refused ON messages (campaign, id) WHERE state = 'refused';
CREATE INDEX messages_page_unknown ON messages (id) WHERE state = 'unknown';
CREATE INDEX messages_forget_contexts ON messages ((coalesce(sent_at, due_at)))
    WHERE context IS NOT NULL AND state NOT IN ('planned', 'sending');
CREATE INDEX messages_tests ON messages (id) WHERE lane = 3;

CREATE TABLE campaigns (
    name text COLLATE "C" PRIMARY KEY,
    state text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    document json NOT NULL
);
CREATE TABLE member_lists (campaign text COLLATE "C" PRIMARY KEY);
CREATE TABLE members (
    campaign text COLLATE "C" NOT NULL REFERENCES member_lists ON DELETE CASCADE,
    position integer NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (campaign, position)
);
CREATE INDEX members_of_customer ON members (customer_id);
"""

ENGAGEMENT = """
-- What begins with of_ is its message's, so that a report reads no messages.
CREATE TABLE engagements (
    key text COLLATE "C" PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    message_id text COLLATE "C",
    customer_id text COLLATE "C",
    channel text COLLATE "C",
    address text COLLATE "C",
    source text COLLATE "C" NOT NULL,
    slot text COLLATE "C",
    permanent boolean NOT NULL,
    soft boolean NOT NULL,
    machine boolean NOT NULL,
    reasons json,
    raw json,
    of_template text COLLATE "C",
    of_version text COLLATE "C",
    of_channel text COLLATE "C",
    of_campaign text COLLATE "C",
    of_test boolean
);
CREATE INDEX engagements_of_messages ON engagements (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX engagements_judge ON engagements (id);
CREATE INDEX engagements_of_customer ON engagements (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX engagements_of_address ON engagements (address, channel) WHERE message_id IS NULL;
CREATE INDEX engagements_summary_template ON engagements (of_template, of_campaign);
CREATE INDEX engagements_summary_campaign ON engagements (of_campaign) WHERE of_campaign IS NOT NULL;
CREATE INDEX engagements_clicks ON engagements (of_template, at) WHERE kind = 'clicked';

CREATE TABLE short_links (
    code text COLLATE "C" PRIMARY KEY,
    message_id text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    slot integer NOT NULL,
    turn integer NOT NULL,
    target text COLLATE "C"
);
CREATE INDEX short_links_of_message ON short_links (message_id);

CREATE TABLE versions (
    version text COLLATE "C" PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    document json NOT NULL
);
CREATE TABLE notes (key text COLLATE "C" PRIMARY KEY, value json NOT NULL);
CREATE UNLOGGED TABLE buckets (
    bucket text COLLATE "C" PRIMARY KEY,
    tokens double precision NOT NULL,
    at timestamptz NOT NULL
);
"""

#: Counts are kept by the database itself, in the transaction that changes a row: nobody counts what was sent. Each
#: connection adds to rows of its own (`messaging.shard`), so that none is hot; a reader adds up.
COUNTS = """
CREATE TABLE row_counts (
    name text COLLATE "C" NOT NULL,
    shard integer NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (name, shard)
) WITH (fillfactor = 50);
CREATE TABLE message_counts (
    kind text COLLATE "C" NOT NULL,
    shard integer NOT NULL,
    campaign text COLLATE "C",
    template text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    test boolean NOT NULL,
    state text COLLATE "C" NOT NULL,
    reason text COLLATE "C",
    variant text COLLATE "C",
    number bigint NOT NULL,
    PRIMARY KEY (kind, shard)
) WITH (fillfactor = 50);
CREATE INDEX message_counts_campaign ON message_counts (campaign);
CREATE INDEX message_counts_template ON message_counts (template);

CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own integer := coalesce(nullif(current_setting('messaging.shard', true), ''), '-1')::integer;
    change bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT count(*) INTO change FROM new_rows;
    ELSE
        SELECT -count(*) INTO change FROM old_rows;
    END IF;
    IF change <> 0 THEN
        INSERT INTO row_counts AS counts VALUES (TG_TABLE_NAME, own, change)
        ON CONFLICT (name, shard) DO UPDATE SET number = counts.number + excluded.number;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION count_messages() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own integer := coalesce(nullif(current_setting('messaging.shard', true), ''), '-1')::integer;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO message_counts AS counts
        SELECT md5(row(campaign, template, version, channel, lane = 3, state, reason, variant)::text) AS kind, own,
            campaign, template, version, channel, lane = 3, state, reason, variant, count(*)
        FROM new_rows
        GROUP BY campaign, template, version, channel, lane = 3, state, reason, variant
        ORDER BY 1
        ON CONFLICT (kind, shard) DO UPDATE SET number = counts.number + excluded.number;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO message_counts AS counts
        SELECT md5(row(campaign, template, version, channel, lane = 3, state, reason, variant)::text) AS kind, own,
            campaign, template, version, channel, lane = 3, state, reason, variant, -count(*)
        FROM old_rows
        GROUP BY campaign, template, version, channel, lane = 3, state, reason, variant
        ORDER BY 1
        ON CONFLICT (kind, shard) DO UPDATE SET number = counts.number + excluded.number;
    ELSE
        INSERT INTO message_counts AS counts
        SELECT md5(row(campaign, template, version, channel, test, state, reason, variant)::text) AS kind, own,
            campaign, template, version, channel, test, state, reason, variant, sum(step)
        FROM (
            SELECT campaign, template, version, channel, lane = 3 AS test, state, reason, variant, 1 AS step
            FROM new_rows
            UNION ALL
            SELECT campaign, template, version, channel, lane = 3, state, reason, variant, -1 FROM old_rows
        ) AS steps
        GROUP BY campaign, template, version, channel, test, state, reason, variant
        HAVING sum(step) <> 0
        ORDER BY 1
        ON CONFLICT (kind, shard) DO UPDATE SET number = counts.number + excluded.number;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER count_added AFTER INSERT ON messages REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_messages();
CREATE TRIGGER count_changed AFTER UPDATE ON messages REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_messages();
CREATE TRIGGER count_removed AFTER DELETE ON messages REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_messages();
CREATE TRIGGER count_rows_added AFTER INSERT ON messages REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_rows();
CREATE TRIGGER count_rows_removed AFTER DELETE ON messages REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_rows();
CREATE TRIGGER count_rows_added AFTER INSERT ON customers REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_rows();
CREATE TRIGGER count_rows_removed AFTER DELETE ON customers REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_rows();
CREATE TRIGGER count_rows_added AFTER INSERT ON events REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_rows();
CREATE TRIGGER count_rows_removed AFTER DELETE ON events REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_rows();
"""


def upgrade() -> None:
    for statements in (CUSTOMERS, EVENTS, OUTBOX, ENGAGEMENT, COUNTS):
        op.get_bind().exec_driver_sql(statements)
