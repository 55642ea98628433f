"""What each customer's orders add up to, kept by the database itself.

Of an order: what was given back, if all of that is in its own currency (else NULL: `refunded`). Of a customer: the sums
of their orders that count, in the transaction that changes an order; their money only where it is all in one currency
and of a size that needs no rounding (else NULL: `total`). Whoever has NULL there is left to Python.

The code before this step writes orders as it always did: it does not see any of this.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

ORDERS = """
-- What our code writes is always in UTC, so no session's settings matter.
CREATE FUNCTION time_of(told text) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN told::timestamptz;
END $$;

CREATE FUNCTION refunded_of(
    document json, placed_at timestamptz, cancelled_at timestamptz, total numeric, currency text
) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    refunds json := document -> 'refunds';
    whole boolean := document ->> 'refunded_whole_at' IS NOT NULL;
    parts numeric;
    plain boolean;
BEGIN
    IF cancelled_at IS NOT NULL THEN
        RETURN 0;
    END IF;
    plain := abs(total) < 1e12 AND scale(total) <= 8;
    IF refunds IS NULL AND NOT whole THEN
        RETURN CASE WHEN plain OR placed_at IS NULL THEN 0 END;
    END IF;
    IF placed_at IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(sum(amount), 0), plain AND coalesce(bool_and(
            abs(amount) < 1e12 AND scale(amount) <= 8 AND (told IS NULL OR told IS NOT DISTINCT FROM currency)
        ), true)
    INTO parts, plain
    FROM (
        SELECT (value ->> 'amount')::numeric AS amount, value ->> 'currency' AS told
        FROM json_each(coalesce(refunds, '{}'::json))
    ) AS refund;
    RETURN CASE WHEN NOT plain THEN NULL WHEN whole THEN greatest(parts, total) ELSE parts END;
END $$;

-- Too long for `order_skus`.
CREATE FUNCTION is_long(skus json) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN coalesce(length(skus::text), 0) > 1000 AND (SELECT count(*) FROM json_object_keys(skus)) > 200;
END $$;

ALTER TABLE orders
    ADD COLUMN delivered_at timestamptz GENERATED ALWAYS AS (time_of(document ->> 'delivered_at')) STORED,
    ADD COLUMN refunded numeric
        GENERATED ALWAYS AS (refunded_of(document, placed_at, cancelled_at, total, currency)) STORED,
    ADD COLUMN long boolean GENERATED ALWAYS AS (is_long(document -> 'skus')) STORED;
CREATE INDEX orders_bought_long ON orders (customer_id) WHERE long;
"""

SUMS = """
CREATE TABLE order_sums (
    customer_id text COLLATE "C" PRIMARY KEY,
    orders bigint NOT NULL,
    first_at timestamptz,
    last_at timestamptz,
    last_delivered_at timestamptz,
    currency text COLLATE "C",
    total numeric
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE VIEW summed_orders AS
SELECT customer_id,
    count(*) FILTER (WHERE counts) AS orders,
    min(placed_at) FILTER (WHERE counts) AS first_at,
    max(placed_at) FILTER (WHERE counts) AS last_at,
    max(delivered_at) FILTER (WHERE counts) AS last_delivered_at,
    min(currency) FILTER (WHERE counts) AS currency,
    CASE WHEN bool_and(refunded IS NOT NULL)
        AND min(currency) FILTER (WHERE counts) IS NOT DISTINCT FROM max(currency) FILTER (WHERE counts)
        THEN coalesce(sum(total - refunded) FILTER (WHERE counts), 0)
    END AS total
FROM (SELECT *, placed_at IS NOT NULL AND cancelled_at IS NULL AS counts FROM orders) AS orders
WHERE customer_id IS NOT NULL
GROUP BY customer_id;

INSERT INTO order_sums SELECT * FROM summed_orders;

CREATE FUNCTION sum_orders() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    touched text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT customer_id) INTO touched FROM new_rows WHERE customer_id IS NOT NULL;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT customer_id) INTO touched FROM old_rows WHERE customer_id IS NOT NULL;
    ELSE
        SELECT array_agg(DISTINCT customer_id) INTO touched
        FROM (SELECT customer_id FROM new_rows UNION ALL SELECT customer_id FROM old_rows) AS both_rows
        WHERE customer_id IS NOT NULL;
    END IF;
    IF touched IS NULL THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM order_sums AS sums WHERE customer_id = ANY(touched)
            AND NOT EXISTS (SELECT FROM orders WHERE orders.customer_id = sums.customer_id);
    END IF;
    INSERT INTO order_sums AS sums
    SELECT summed_orders.* FROM summed_orders WHERE customer_id = ANY(touched)
    ON CONFLICT (customer_id) DO UPDATE SET orders = excluded.orders, first_at = excluded.first_at,
        last_at = excluded.last_at, last_delivered_at = excluded.last_delivered_at, currency = excluded.currency,
        total = excluded.total
    WHERE (sums.*) IS DISTINCT FROM (excluded.*);
    RETURN NULL;
END $$;

CREATE TRIGGER sum_added AFTER INSERT ON orders REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sum_orders();
CREATE TRIGGER sum_changed AFTER UPDATE ON orders REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sum_orders();
CREATE TRIGGER sum_removed AFTER DELETE ON orders REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sum_orders();
"""


def upgrade() -> None:
    for statements in (ORDERS, SUMS):
        op.get_bind().exec_driver_sql(statements)
