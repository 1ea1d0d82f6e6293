-- Twin of migrations/postgres/0003_customer_search.sql. The tables are filled at the next start.

-- By which words of their names customers are found: each word with each other word of the name, or
-- alone where there is none; the family name also with the locality, marked by '@'.
create table customer_names (
    word text not null,
    other text not null,
    customer_id blob not null,
    primary key (word, other, customer_id)
) without rowid;

-- The words of all names. A word stays when the last customer who had it has another name.
create table name_words (
    word text not null primary key
) without rowid;

-- Under which texts a word of a name is found where it is misspelt.
create table name_variants (
    variant text not null,
    word text not null,
    primary key (variant, word)
) without rowid;

-- What e-mail addresses and phone numbers are found by beside their beginning: their later words,
-- and the digits from the last to the first.
create table identifier_parts (
    part text not null,
    key text not null,
    primary key (part, key)
) without rowid;

create index purchases_by_order on purchases (order_key, customer_id);

drop table customer_words;
