-- Twin of migrations/postgres/0008_quotes.sql. What customers were told that things would cost.

-- A quote, with the record that it was given to. `content` is JSON. It is valid from `given_at`
-- and not at `ends_at` any more, which is earlier where it was withdrawn. `sku_key` is one form of
-- all writings of the article's number, empty where there is none.
create table quotes (
    customer_id blob not null,
    quote_id blob not null,
    sku_key text not null,
    given_at integer not null,
    ends_at integer not null,
    content text not null,
    primary key (customer_id, quote_id)
) without rowid;

create index quotes_by_id on quotes (quote_id);
create index quotes_by_time on quotes (customer_id, given_at, quote_id);
create index quotes_by_end on quotes (customer_id, ends_at);
create index quotes_by_sku on quotes (customer_id, sku_key, ends_at) where sku_key <> '';
