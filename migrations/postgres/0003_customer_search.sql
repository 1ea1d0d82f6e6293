-- Twin of migrations/sqlite/0003_customer_search.sql. The tables are filled at the next start.

-- By which words of their names customers are found: each word with each other word of the name, or
-- alone where there is none; the family name also with the locality, marked by '@'.
create table customer_names (
    word text collate "C" not null,
    other text collate "C" not null,
    customer_id uuid not null,
    primary key (word, other, customer_id)
);

-- The words of all names. A word stays when the last customer who had it has another name.
create table name_words (
    word text collate "C" not null primary key
);

-- Under which texts a word of a name is found where it is misspelt.
create table name_variants (
    variant text collate "C" not null,
    word text collate "C" not null,
    primary key (variant, word)
);

-- What e-mail addresses and phone numbers are found by beside their beginning: their later words,
-- and the digits from the last to the first.
create table identifier_parts (
    part text collate "C" not null,
    key text collate "C" not null,
    primary key (part, key)
);

create index purchases_by_order on purchases (order_key, customer_id);

drop table customer_words;
