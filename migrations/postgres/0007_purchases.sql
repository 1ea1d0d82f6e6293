-- Twin of migrations/sqlite/0007_purchases.sql. The progress of orders. Filled at the next start.

-- What the entries of one customer record say about one order, under the key of its number, or
-- 'entry:' and the id of a purchase without a number. `content` is JSON. The columns before it are
-- of the purchase; null if that belongs to another record of the person.
create table orders (
    customer_id uuid not null,
    order_key text collate "C" not null,
    bought_at bigint,
    entry_id uuid,
    recorded_at bigint,
    content text not null,
    primary key (customer_id, order_key)
);

create index orders_by_time on orders (customer_id, bought_at, entry_id);

-- The numbers of articles and shipments by which an order is found.
create table purchase_keys (
    kind text collate "C" not null check (kind in ('serial', 'tracking')),
    key text collate "C" not null,
    customer_id uuid not null,
    order_key text collate "C" not null,
    primary key (kind, key, customer_id, order_key)
);
