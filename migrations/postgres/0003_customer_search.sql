-- Twin of migrations/sqlite/0003_customer_search.sql. The tables are filled at the next start.

-- Words of names for the customer search: each word with each other word of the name, or alone if
-- there is no other; the family name also with the locality, prefixed by '@'.
create table customer_names (
    word text collate "C" not null,
    other text collate "C" not null,
    customer_id uuid not null,
    primary key (word, other, customer_id)
);

-- The words of all names. A word stays when no customer has it any more.
create table name_words (
    word text collate "C" not null primary key
);

-- The texts under which a misspelt word of a name is found.
create table name_variants (
    variant text collate "C" not null,
    word text collate "C" not null,
    primary key (variant, word)
);

-- Further search keys of e-mail addresses and phone numbers: the later words, and the digits in
-- reverse order.
create table identifier_parts (
    part text collate "C" not null,
    key text collate "C" not null,
    primary key (part, key)
);

create index purchases_by_order on purchases (order_key, customer_id);

drop table customer_words;
