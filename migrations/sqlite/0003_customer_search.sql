-- Twin of migrations/postgres/0003_customer_search.sql. The tables are filled at the next start.

-- Words of names for the customer search: each word with each other word of the name, or alone if
-- there is no other; the family name also with the locality, prefixed by '@'.
create table customer_names (
    word text not null,
    other text not null,
    customer_id blob not null,
    primary key (word, other, customer_id)
) without rowid;

-- The words of all names. A word stays when no customer has it any more.
create table name_words (
    word text not null primary key
) without rowid;

-- The texts under which a misspelt word of a name is found.
create table name_variants (
    variant text not null,
    word text not null,
    primary key (variant, word)
) without rowid;

-- Further search keys of e-mail addresses and phone numbers: the later words, and the digits in
-- reverse order.
create table identifier_parts (
    part text not null,
    key text not null,
    primary key (part, key)
) without rowid;

create index purchases_by_order on purchases (order_key, customer_id);

drop table customer_words;
