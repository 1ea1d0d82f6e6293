-- Twin of migrations/postgres/0008_quotes.sql. Quotes: prices that customers were given.

-- A quote, with the record that it was given to. `content` is JSON. It is valid from `given_at`
-- until before `ends_at`, which is earlier if it was withdrawn. `sku_key` is the normalised number
-- of the article, empty if there is none.
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
